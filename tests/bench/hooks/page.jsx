// What the pages share: the question, an item's looks, and the counters.

import { memo, useEffect } from "react";
import { createRoot } from "react-dom/client";

/** What the model is asked for; `zod` would be most of what the peers load. */
export const schema = {
  type: "object",
  properties: {
    elements: {
      type: "array",
      items: {
        type: "object",
        properties: {
          id: { type: "integer" },
          name: { type: "string" },
          note: { type: "string" },
          done: { type: "boolean" },
        },
        required: ["id", "name", "note", "done"],
        additionalProperties: false,
      },
    },
  },
  required: ["elements"],
  additionalProperties: false,
};

const renders = { page: 0, items: 0 };

/** Counts a render. */
export function rendered(what) {
  renders[what]++;
}

/** What an item looks like. */
export function row({ name, note, done } = {}) {
  return (
    <li className={done === undefined ? "written" : "complete"}>
      <b>{name}</b> {note}
    </li>
  );
}

function Item(item) {
  rendered("items");
  return row(item);
}

/** Items that are rendered when one of their values is another. */
const MemoItem = memo(Item);

/** The list of a hook that gives the whole answer. */
export function List({ items = [], memoised }) {
  const Row = memoised ? MemoItem : Item;
  return (
    <ol>
      {items.map((item, index) => (
        <Row
          key={index}
          name={item?.name}
          note={item?.note}
          done={item?.done}
        />
      ))}
    </ol>
  );
}

let finish;

/** Tells that the answer has ended. */
export function useEnd(isOver) {
  useEffect(() => {
    if (isOver) finish();
  }, [isOver]);
}

/** Has a page shown by `show`, which resolves to its renders at the end. */
export function provide(Page) {
  globalThis.show = async (options) => {
    const finished = new Promise((resolve) => finish = resolve);
    createRoot(document.body).render(<Page {...options} />);
    await finished;
    return renders;
  };
}
