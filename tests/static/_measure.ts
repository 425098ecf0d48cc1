/** What a test has the browser measure. */

/// <reference lib="dom" />

/**
 * What sticks out of the page as it is now, at every width from 320 to 1,400 in
 * steps of 4. Runs in the page: it refers to nothing outside itself.
 *
 * A copy in a frame is laid out, since a frame's width is set in no time.
 *
 * @param font The bytes of the second font, in Base64.
 */
export async function measure(font: string): Promise<string[]> {
  const frame = document.createElement("iframe");
  frame.style.cssText = "position: absolute; top: 0; height: 900px; border: 0";
  document.body.append(frame);
  const inside = frame.contentWindow as Window & typeof globalThis;
  const copy = document.documentElement.cloneNode(true) as HTMLElement;
  copy.querySelectorAll("iframe, script, .caret").forEach((node) =>
    node.remove()
  );
  copy.querySelectorAll("textarea").forEach((area) => {
    area.textContent = document.querySelector<HTMLTextAreaElement>(
      `#${area.id}`,
    )!.value;
  });
  frame.contentDocument!.open();
  frame.contentDocument!.write(
    `<!doctype html><base href="${location.href}">${copy.outerHTML}`,
  );
  frame.contentDocument!.close();
  await new Promise((resolve) => frame.onload = resolve);
  const root = frame.contentDocument!.documentElement;
  const face = new inside.FontFace("Wide", Uint8Array.fromBase64(font));
  frame.contentDocument!.fonts.add(await face.load());
  const sheet = new inside.CSSStyleSheet();
  sheet.replaceSync("* { font-family: Wide !important }");

  // On a narrow screen the stage reaches into the margins.
  const nodes = [
    ...root.querySelectorAll<HTMLElement>("main *, .masthead *, dialog *"),
  ]
    .filter((node) => !node.contains(root.querySelector(".stage")));
  /** What sticks out of it, and at which widths. */
  const found = new Map<string, number[]>();
  for (const sheets of [[], [sheet]]) {
    frame.contentDocument!.adoptedStyleSheets = sheets;
    for (let width = 320; width <= 1400; width += 4) {
      frame.style.width = `${width}px`;
      const out = nodes.filter((node) =>
        node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 1 &&
        inside.getComputedStyle(node).overflowX === "visible"
      );
      if (root.scrollWidth > width) out.unshift(root);
      for (const { id, className, localName } of out) {
        const name = `${localName}#${id}.${className}`;
        const key = `${name}, ${sheets.length ? "wide" : "own"} fonts`;
        found.set(key, [...found.get(key) ?? [], width]);
      }
    }
  }
  frame.remove();
  return [...found].map(([what, widths]) =>
    `${what}: ${widths.length} widths from ${widths[0]} to ${widths.at(-1)}`
  );
}
