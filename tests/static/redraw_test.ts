import { assertEquals } from "@std/assert";
import { Redraw } from "../../static/redraw.js";

/** A display whose frames come when they are told to. */
function fakeDisplay() {
  const callbacks = new Map<number, FrameRequestCallback>();
  let count = 0;
  return {
    requestAnimationFrame(callback: FrameRequestCallback) {
      callbacks.set(++count, callback);
      return count;
    },
    cancelAnimationFrame: (id: number) => void callbacks.delete(id),
    frame(now: number) {
      const due = [...callbacks.values()];
      callbacks.clear();
      for (const callback of due) callback(now);
    },
    get waiting() {
      return callbacks.size;
    },
  };
}

function drawnOn(display: ReturnType<typeof fakeDisplay>) {
  const { requestAnimationFrame, cancelAnimationFrame } = display;
  Object.assign(globalThis, { requestAnimationFrame, cancelAnimationFrame });
  const drawn: number[] = [];
  let now = 0;
  const redraw = new Redraw(() => drawn.push(now), 25);
  const frame = (at: number) => display.frame(now = at);
  return { drawn, redraw, frame };
}

Deno.test("what is drawn anew is drawn with the first frame, then after a pause", () => {
  const display = fakeDisplay();
  const { drawn, redraw, frame } = drawnOn(display);
  frame(0);
  for (let now = 16; now < 120; now += 16) {
    redraw.request();
    redraw.request();
    frame(now);
  }
  assertEquals(drawn, [16, 48, 80, 112]);
  redraw.request();
  frame(1000);
  assertEquals(drawn.at(-1), 1000);
});

Deno.test("what is drawn anew is not forgotten while it has to wait", () => {
  const display = fakeDisplay();
  const { drawn, redraw, frame } = drawnOn(display);
  redraw.request();
  frame(100);
  redraw.request();
  for (const now of [108, 116, 124, 132, 140]) frame(now);
  assertEquals(drawn, [100, 132]);
  assertEquals(display.waiting, 0);
});

Deno.test("what is drawn anew can be called off, and asked for again", () => {
  const display = fakeDisplay();
  const { drawn, redraw, frame } = drawnOn(display);
  redraw.request();
  redraw.cancel();
  frame(100);
  assertEquals(drawn, []);
  redraw.request();
  frame(116);
  assertEquals(drawn, [116]);
});
