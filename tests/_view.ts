import { assertEquals } from "@std/assert";
import { Envelope, type EnvelopeOptions } from "../lib/envelope.ts";
import {
  applyDelta,
  IncrementalProcessor,
  JsonPatchParser,
  JsonSyntaxError,
  type Operation,
} from "../lib/mod.ts";

/** What a client has been shown. */
export interface View {
  reasoning: string;
  state: unknown;
  /** Where the value's text, mended, stops being JSON. */
  fault: number | undefined;
}

/** What a connection does with a model's text. */
export class Chain {
  readonly envelope: Envelope;
  #parser = new JsonPatchParser();
  readonly #processor = new IncrementalProcessor({ keepValues: false });
  #reasoning = "";
  #state: unknown;
  #fault: number | undefined;
  json = "";
  restarts = 0;

  constructor(options?: EnvelopeOptions) {
    this.envelope = new Envelope(options);
  }

  write(text: string): void {
    for (const piece of this.envelope.write(text)) {
      if (piece.type === "reasoning") this.#reasoning += piece.text;
      else if (piece.type === "json") this.#parse(piece.text);
      else this.#restart();
    }
  }

  /** The value so far, which grows. */
  get state(): unknown {
    return this.#state;
  }

  get view(): View {
    return structuredClone({
      reasoning: this.#reasoning,
      state: this.#state,
      fault: this.#fault,
    });
  }

  get complete(): boolean {
    return this.#parser.complete;
  }

  #restart(): void {
    this.#parser = new JsonPatchParser();
    this.#fault = undefined;
    this.json = "";
    this.restarts++;
    const delta = this.#processor.processPatch([{ op: "remove", path: "" }]);
    this.#state = applyDelta(this.#state, delta!);
  }

  #parse(json: string): void {
    this.json += json;
    if (this.#fault !== undefined) return;
    let operations: Operation[];
    try {
      operations = this.#parser.write(json);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      this.#fault = error.position;
      operations = error.operations;
    }
    const delta = this.#processor.processPatch(operations);
    if (delta !== undefined) this.#state = applyDelta(this.#state, delta);
  }
}

/** What is shown after each piece. */
export function viewsOf(pieces: string[], options?: EnvelopeOptions): View[] {
  const chain = new Chain(options);
  return pieces.map((piece) => {
    chain.write(piece);
    return chain.view;
  });
}

/** What is shown after nothing, one unit, two units and so on. */
export function viewsByUnit(text: string, options?: EnvelopeOptions): View[] {
  return viewsOf(["", ...text.split("")], options);
}

/**
 * Reads a text unit by unit, and sees that it is read alike however it is cut in
 * two.
 */
export function readEveryWay(text: string, options?: EnvelopeOptions): Chain {
  const views = viewsByUnit(text, options);
  for (let at = 0; at <= text.length; at++) {
    const halves = viewsOf([text.slice(0, at), text.slice(at)], options);
    assertEquals(halves, [views[at]!, views.at(-1)!], `${text}, cut at ${at}`);
  }
  const chain = new Chain(options);
  for (const unit of text.split("")) chain.write(unit);
  return chain;
}
