import { assertEquals } from "@std/assert";
import { guarded, settle } from "../../lib/answers/callbacks.ts";

const fault = new Error("A fault");

/** A query as some databases make them: nothing is done until it is awaited. */
function lazily(run: () => void): PromiseLike<void> {
  return {
    then: (...then) =>
      new Promise<void>((resolve) => resolve(run())).then(...then),
  };
}

Deno.test("what a callback throws, now or later, is told, and thrown nowhere", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => errors.push(error);
  const fail = () => {
    throw fault;
  };
  assertEquals(guarded(fail, onError), undefined);
  assertEquals(guarded(() => 1, onError), 1);
  assertEquals(settle(fail, onError), undefined);
  assertEquals(settle(() => 1, onError), undefined);
  await settle(() => Promise.reject(fault), onError);
  await settle(() => lazily(fail), onError);
  assertEquals(errors, [fault, fault, fault, fault]);
});

Deno.test("a query that is made when it is awaited is made", async () => {
  let runs = 0;
  await settle(() => lazily(() => runs++), undefined);
  assertEquals(runs, 1);
});
