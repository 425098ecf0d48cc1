// As docs/hooks.md shows it.

import { useField, useFieldStream } from "@fieldstream/fieldstream/react";
import { memo } from "react";
import { provide, rendered, row, schema, useEnd } from "./page.jsx";

const Item = memo(function Item({ answer, pointer }) {
  rendered("items");
  return row(useField(answer, pointer));
});

provide(function Page({ url, prompt }) {
  rendered("page");
  const answer = useFieldStream(url, { prompt, schema });
  const count = useField(answer, "/elements", (items) => items?.length ?? 0);
  useEnd(answer.status === "end");
  return (
    <ol>
      {Array.from(
        { length: count },
        (_, index) => (
          <Item key={index} answer={answer} pointer={`/elements/${index}`} />
        ),
      )}
    </ol>
  );
});
