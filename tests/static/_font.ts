/** A font made for tests: every character is a box of one width. */

/** The font's units in an em. */
const EM = 1000;

/**
 * Makes a TrueType font in which every character, of whatever script, is as
 * wide as `width` ems. (OpenType 1.9; the tables that browsers insist on.)
 */
export function fontOfWidth(width: number): Uint8Array<ArrayBuffer> {
  const advance = Math.round(width * EM);
  const glyph = words(
    ...[1, 0, 0, advance, 700], // one contour, and its bounds
    ...[3, 0], // its last point; no instructions
    ...[0x0101, 0x0101], // four points on the curve
    ...[0, 0, advance, 0], // x, relative
    ...[0, 700, 0, -700], // y
  );
  const tables: Record<string, Uint8Array> = {
    "OS/2": join(
      words(4, advance, 400, 5, 0, 650, 600, 0, 75, 650, 600, 0, 350, 50, 250),
      new Uint8Array(2 + 10 + 16 + 4), // class, panose, ranges, vendor
      words(0x40, 0x20, 0xffff, 800, -200, 0, 800, 200),
      new Uint8Array(8), // code pages
      words(500, 700, 0, 0x20, 0),
    ),
    // Format 13: one glyph for all that there is.
    cmap: join(
      words(0, 1, 3, 10),
      longs(12),
      words(13, 0),
      longs(28, 0, 1, 0x20, 0x10ffff, 1),
    ),
    glyf: glyph,
    head: join(
      longs(0x00010000, 0x00010000, 0, 0x5f0f3cf5),
      words(0, EM),
      longs(0, 0, 0, 0),
      words(0, 0, advance, 700, 0, 8, 2, 0, 0),
    ),
    hhea: words(1, 0, 800, -200, 0, advance, 0, 0, advance, 1, ...zeros(7), 2),
    hmtx: words(advance, 0, advance, 0),
    loca: words(0, 0, glyph.length / 2),
    maxp: words(1, 0, 2, 4, 1, ...zeros(2), 1, ...zeros(8)),
    name: words(0, 0, 6),
    post: join(longs(0x00030000, 0), words(-100, 50), longs(...zeros(5))),
  };
  const entries = Object.entries(tables);
  let offset = 12 + 16 * entries.length;
  const directory = [longs(0x00010000), words(entries.length, 128, 3, 32)];
  const body: Uint8Array[] = [];
  for (const [tag, table] of entries) {
    const padded = join(table, new Uint8Array(-table.length & 3));
    const view = new DataView(padded.buffer);
    let sum = 0;
    for (let at = 0; at < padded.length; at += 4) sum += view.getUint32(at);
    directory.push(new TextEncoder().encode(tag));
    directory.push(longs(sum, offset, table.length));
    body.push(padded);
    offset += padded.length;
  }
  return join(...directory, ...body);
}

function zeros(count: number): number[] {
  return Array(count).fill(0);
}

/** 16-bit numbers, big-endian. */
function words(...values: number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * values.length));
  values.forEach((value, index) => view.setInt16(2 * index, value));
  return new Uint8Array(view.buffer);
}

/** 32-bit numbers, big-endian. */
function longs(...values: number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, index) => view.setInt32(4 * index, value));
  return new Uint8Array(view.buffer);
}

function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const result = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
