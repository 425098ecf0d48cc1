// "Streaming Structured Output UIs" (tanstack.com/ai, structured-outputs), with
// a JSON Schema in zod's place.

import { fetchServerSentEvents, useChat } from "@tanstack/ai-react";
import { useEffect } from "react";
import { List, provide, rendered, schema, useEnd } from "./page.jsx";

provide(function Page({ url, prompt, memoised }) {
  rendered("page");
  const { sendMessage, partial, final } = useChat({
    connection: fetchServerSentEvents(url),
    outputSchema: schema,
  });
  useEffect(() => void sendMessage(prompt), []);
  useEnd(final !== null);
  return <List items={partial?.elements} memoised={memoised} />;
});
