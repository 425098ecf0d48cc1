import { assertEquals } from "@std/assert";
import { fontOfWidth } from "./_font.ts";
import { measure } from "./_measure.ts";
import { browserTest, type Stage } from "./browser.ts";

/** Twice as wide as Latin letters are: such is a fallback font at its worst. */
const WIDE = fontOfWidth(1);

for (const language of ["zh-CN", "en-US"]) {
  browserTest(`fits every width, ${language}`, async (stage) => {
    const { page, model, phase, shows } = stage;
    const found: string[] = [];
    await page.setBypassCSP(true); // the measured copy has inline styles
    await page.reload();
    found.push(...await outOfPlace(stage, "idle"));
    await page.click("#schema-editor summary");
    await page.click("input[value=product]");
    found.push(...await outOfPlace(stage, "schema"));
    let next = model.nextCall();
    await page.click("#start");
    let call = await next;
    call.send({ type: "reasoning", text: `hm, ${"W".repeat(80)}` });
    await page.waitForSelector("#thoughts:not([hidden])");
    await page.click("#thoughts summary");
    call.say(
      `{"name":"${"长".repeat(60)} ${
        "W".repeat(60)
      }","price":12345678901234567890,"tags":["${
        "t".repeat(60)
      }"],"specs":[{"name":"${"x".repeat(50)}","value":"${"y".repeat(50)}`,
    );
    await shows("td", "x");
    found.push(...await outOfPlace(stage, "writing"));
    await page.click("#cut");
    await phase("reconnecting");
    found.push(...await outOfPlace(stage, "reconnecting"));
    await page.waitForSelector("#resumed:not([hidden])");
    call.say(`"}],"${"k".repeat(80)}":{"${"l".repeat(80)}":"m`);
    call.end("length");
    await phase("truncated");
    found.push(...await outOfPlace(stage, "truncated"));
    next = model.nextCall();
    await page.click("#start");
    call = await next;
    call.say(`{"${"k".repeat(80)}":{"${"l".repeat(80)}":"m"}}`);
    call.end();
    await phase("complete");
    found.push(...await outOfPlace(stage, "complete"));
    await page.click("#compare-open");
    await page.click("#beside button:last-child");
    await shows("#compare-none .facts", "1");
    await page.evaluate(
      `for (const id of ["misbehave", "notice", "token-form", "resumed", "stop-here", "cut"])
        document.getElementById(id).hidden = false; 0`,
    );
    await page.click("#misbehave summary");
    await page.click("#use-open");
    found.push(...await outOfPlace(stage, "all at once"));
    assertEquals(found, []);
  }, { language });
}

/**
 * Lays a copy of the page out at every width, in the fonts that are there and
 * in a wide one, and looks for what sticks out.
 */
async function outOfPlace({ page }: Stage, state: string): Promise<string[]> {
  const found = await page.evaluate(measure, WIDE.toBase64());
  return found.map((what) => `${state}: ${what}`);
}
