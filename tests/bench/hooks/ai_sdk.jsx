// "Object Generation" (ai-sdk.dev, AI SDK UI), with a JSON Schema in zod's place
// as the reference of `useObject` allows.

import { experimental_useObject as useObject } from "@ai-sdk/react";
import { jsonSchema } from "ai";
import { useEffect, useState } from "react";
import { List, provide, rendered, schema, useEnd } from "./page.jsx";

const answer = jsonSchema(schema);

provide(function Page({ url: api, prompt, memoised }) {
  rendered("page");
  const [isOver, setOver] = useState(false);
  const onFinish = () => setOver(true);
  const { object, submit } = useObject({ api, schema: answer, onFinish });
  useEffect(() => void submit(prompt), []);
  useEnd(isOver);
  return <List items={object?.elements} memoised={memoised} />;
});
