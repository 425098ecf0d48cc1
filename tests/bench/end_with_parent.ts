/** Ends this process when the one that started it has gone. */
export async function endWithParent(): Promise<void> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}
