/** The ids of generations: 128 random bits in base64url (RFC 4648, section 5). */

/** Whether `text` can be a generation's id. */
export function isGenerationId(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text);
}

/** Makes a new generation's id. */
export function makeGenerationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
