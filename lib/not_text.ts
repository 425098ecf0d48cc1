/** The error for those who write bytes, as they came from a socket. */
export function notText(given: unknown): TypeError {
  const name = (given as object | null | undefined)?.constructor?.name;
  return new TypeError(
    `Cannot write ${
      name ?? String(given)
    }: expected a string (TextDecoderStream makes text of bytes)`,
  );
}
