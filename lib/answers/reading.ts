import { Envelope, type EnvelopeOptions, type Piece } from "../envelope.ts";
import type { Run } from "./transcript.ts";

/** What the runs of a transcript say, however often its model was asked. */
export class AnswerReader {
  readonly #options: EnvelopeOptions;
  #envelope: Envelope;

  /** @param options What is known of the value. */
  constructor(options: EnvelopeOptions) {
    this.#options = options;
    this.#envelope = new Envelope(options);
  }

  /** Of the text that was read last, and all that it goes on with. */
  get envelope(): Envelope {
    return this.#envelope;
  }

  /**
   * Reads the next run.
   *
   * @returns The thinking and the JSON in it, and where the value begins anew.
   */
  read(run: Run): Piece[] {
    switch (run.type) {
      case "text":
        return this.#envelope.write(run.text);
      case "reasoning": {
        const { type, text } = run;
        return [{ type, text, end: text.length }];
      }
      case "attempt":
        if (run.continues) return [];
        this.#envelope = new Envelope(this.#options);
        return [{ type: "restart", end: run.text.length }];
      case "invalid":
        return [];
    }
  }
}
