/**
 * When a part of the page is drawn anew.
 *
 * @module
 */

/// <reference lib="dom" />

/**
 * Draws with a display frame, and not again before a pause is over: a reader
 * sees no difference, and a slow machine has frames for everything else.
 */
export class Redraw {
  #draw;
  #pause;
  #frame = 0;
  /** When it was drawn, by the time of the frames. */
  #drawnAt = -Infinity;

  /**
   * @param {() => void} draw
   * @param {number} [pause] The least time between two times, in milliseconds:
   * with this one text still seems to flow.
   */
  constructor(draw, pause = 25) {
    this.#draw = draw;
    this.#pause = pause;
  }

  /** There is something to be drawn. */
  request() {
    this.#frame ||= requestAnimationFrame((now) => {
      this.#frame = 0;
      if (now - this.#drawnAt < this.#pause) this.request();
      else {
        this.#drawnAt = now;
        this.#draw();
      }
    });
  }

  /** There is nothing to be drawn any more. */
  cancel() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }
}
