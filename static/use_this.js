/**
 * The code that asks what the page asks, to be copied.
 *
 * @module
 */

/// <reference lib="dom" />

import { copyText } from "./clipboard.js";
import { button, byId, choose } from "./dom.js";
import { originalFields } from "./presets.js";

/** @typedef {import("./messages.js").Messages} Messages */

/**
 * What is asked, and where.
 *
 * @typedef {object} Asked
 * @property {string} url
 * @property {string} [prompt]
 * @property {Record<string, any>} [schema]
 * @property {string} [path] Where the server has set the question: then neither
 * prompt nor schema is sent.
 * @property {Record<string, unknown>} [input] What such a question is filled with.
 */

/** Where the code gets what it imports. */
const PACKAGE =
  "// npm install the package: `deno pack` in a clone makes it (README, llms.txt)";

/**
 * Each makes the code of one way to ask.
 *
 * @type {Record<string, (asked: Asked) => string>}
 */
export const recipes = {
  curl({ url, ...asked }) {
    const body = JSON.stringify(question(asked), null, 2);
    return `curl -N ${quoted(url)} \\
  -H 'Accept: text/event-stream' \\
  -H 'Content-Type: application/json' \\
  -d ${quoted(body)}
`;
  },

  EventSource({ url, ...asked }) {
    const address = new URL(url);
    const { prompt, schema, input } = question(asked);
    for (const [name, value] of Object.entries({ ...input, prompt })) {
      if (value !== undefined) address.searchParams.set(name, String(value));
    }
    const note = schema
      ? `// EventSource sends no body, and so no schema: the server's own holds
// (SCHEMA_FILE).
`
      : "";
    return `import { applyDelta } from ${
      literal(sibling(url, "apply_delta.js"))
    };

${note}const source = new EventSource(
  ${literal(address.href)},
);
let state;
source.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.status === "start") state = undefined;
  if (event.status === "chunk") state = applyDelta(state, event);
  console.log(event.status, state);
  if (event.status === "end" || event.status === "error") source.close();
};
`;
  },

  "client.js"(asked) {
    return `import { streamFields } from ${
      literal(sibling(asked.url, "client.js"))
    };

const stream = streamFields(${literal(asked.url)}, {${
      members(question(asked), 1)
    }
  onState: (state) => console.log(state),
  onError: ({ code, message }) => console.error(code, message),
});
// stream.stop() ends it, for the server too.
const { status, state } = await stream.finished;
console.log(status, state);
`;
  },

  React(asked) {
    const { properties = { title: {}, summary: {} } } = asked.schema ?? {};
    const fields = Object.entries(properties).map(([key, { type }]) => {
      const place = /^[a-z_$][\w$]*$/i.test(key)
        ? `state?.${key}`
        : `state?.[${literal(key)}]`;
      const value = /^(object|array|boolean)$/.test(type)
        ? `JSON.stringify(${place})`
        : place;
      const tag = /^(title|name|headline)$/.test(key) ? "h1" : "p";
      return `\n      <${tag}>{${value}}</${tag}>`;
    });
    return `${PACKAGE}
import { useFieldStream } from "@fieldstream/fieldstream/react";

const url = ${literal(asked.url)};
const question = {${members(question(asked), 1)}
};

export function Answer() {
  const { state, status, error, start, stop } = useFieldStream(url, question);
  return (
    <article>
      <button onClick={() => start()}>Ask</button>
      <button onClick={() => stop()}>Stop</button>
      <p>{status} {error?.message}</p>${fields.join("")}
    </article>
  );
}
`;
  },

  server({ prompt, schema, path, input }) {
    // What a server of one's own does not ask for by itself.
    const shape = schema ?? (path ? undefined : originalFields.en);
    const words = Object.keys(input ?? {})
      .map((name) =>
        `${name.replaceAll(/[`\\$]/g, "\\$&")}: \${input[${literal(name)}]}`
      );
    // The server keeps its prompt to itself.
    const own = path
      ? `\n      prompt: \`${words.join(", ")}\`, // in words of your own`
      : "";
    return `${PACKAGE}
import { createFieldStreams } from "@fieldstream/fieldstream/server";
import { openai } from "@fieldstream/fieldstream/openai";

const streams = createFieldStreams({
  ask: openai({
    model: "gpt-5-mini",
    apiKey: Deno.env.get("OPENAI_API_KEY"),
  }),
  onFinish: ({ value, usage, owner }) => console.log(owner, value, usage),
});

Deno.serve((request) =>
  streams.handle(request, {
    owner: "somebody", // whom your login knows; only they can read on
    question: (${input ? "{ input }" : ""}) => ({${own}${
      members({ ...(prompt && { prompt }), ...(shape && { schema: shape }) }, 3)
    }
    }),
  })
);
`;
  },
};

/** The dialog that shows them. */
export class UseThis {
  #say;
  #chosen = "client.js";
  /** @type {Asked} */
  #asked = { url: "" };

  /** @param {Messages} say */
  constructor(say) {
    this.#say = say;
    button("use-copy").addEventListener("click", async () => {
      const copied = await copyText(byId("use-code").textContent ?? "");
      byId("use-copied").textContent = copied
        ? this.#say.copied
        : this.#say.copyFailed;
    });
    // A press beside the dialog closes it.
    const dialog = this.#dialog;
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close();
    });
    button("use-close").addEventListener("click", () => dialog.close());
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (byId("use"));
  }

  /** @param {Messages} say */
  speak(say) {
    this.#say = say;
  }

  /** @param {Asked} asked */
  open(asked) {
    this.#asked = asked;
    this.#draw();
    this.#dialog.showModal();
  }

  #draw() {
    const choices = Object.keys(recipes).map((name) => ({
      name,
      label: name === "server" ? this.#say.useServer : name,
    }));
    choose(byId("use-kinds"), choices, this.#chosen, (name) => {
      this.#chosen = name;
      this.#draw();
    });
    byId("use-code").textContent = recipes[this.#chosen]?.(this.#asked) ?? "";
    byId("use-copied").textContent = "";
  }
}

/**
 * What a client sends of it.
 *
 * @param {Omit<Asked, "url">} asked
 * @returns {Omit<Asked, "url" | "path">}
 */
function question({ prompt, schema, path, input }) {
  return path ? { ...(input && { input }) } : {
    ...(prompt && { prompt }),
    ...(schema && { schema }),
  };
}

/**
 * The question as members of an object literal, each on lines of its own.
 *
 * @param {Omit<Asked, "url">} asked
 * @param {number} depth
 */
function members({ prompt, schema, input }, depth) {
  const indent = `\n${"  ".repeat(depth)}`;
  return [
    ...prompt ? [`prompt: ${literal(prompt)}`] : [],
    ...input ? [`input: ${object(input)}`] : [],
    ...schema ? [`schema: ${object(schema)}`] : [],
  ].map((member) => indent + member.replaceAll("\n", indent) + ",").join("");
}

/**
 * An object in JavaScript: names without quotes, where they may be.
 *
 * @param {Record<string, unknown>} value
 */
function object(value) {
  return literal(value)
    .replaceAll(/^( *)"([a-z_$][\w$]*)": /gim, "$1$2: ");
}

/**
 * A value in JavaScript, also where that stands in a page: HTML would take two
 * marks for its own.
 *
 * @param {unknown} value
 */
function literal(value) {
  return JSON.stringify(value, null, 2).replaceAll(/<(?=[/!])/g, "\\x3c");
}

/** A word in a shell. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {string} url
 * @param {string} file
 */
function sibling(url, file) {
  return new URL(file, url).href;
}
