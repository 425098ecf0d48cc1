import { assert, assertEquals } from "@std/assert";
import {
  type BudgetLimits,
  Budgets,
  resumeCost,
} from "../../lib/wire/budgets.ts";
import { testConfig } from "../_server.ts";

const budgetsOf = (limits: Partial<BudgetLimits>) =>
  new Budgets(testConfig({ limits }).limits);

Deno.test("what is remembered of clients does not grow with their number", () => {
  const budgets = budgetsOf({ generationsPerMinute: 1 });
  assertEquals(budgets.countGeneration("first"), undefined);
  assertEquals(budgets.countGeneration("first")?.code, "too_many_streams");
  for (let n = 1; n < 10_000; n++) budgets.countGeneration(`${n}`);
  assertEquals(budgets.countGeneration("first")?.code, "too_many_streams");
  // The one unseen for longest has been forgotten.
  assertEquals(budgets.countGeneration("one more"), undefined);
  assertEquals(budgets.countGeneration("1"), undefined);
});

Deno.test("to look whether there is room for a generation counts nothing", () => {
  const budgets = budgetsOf({ generationsPerMinute: 2 });
  for (let n = 0; n < 5; n++) {
    assertEquals(budgets.lookForGeneration("x"), undefined);
  }
  assertEquals(budgets.countGeneration("x"), undefined);
  assertEquals(budgets.lookForGeneration("x"), undefined);
  assertEquals(budgets.countGeneration("x"), undefined);
  assertEquals(budgets.lookForGeneration("x"), budgets.countGeneration("x"));
  assertEquals(budgets.lookForGeneration("x")?.code, "too_many_streams");
  assertEquals(budgets.lookForGeneration("y"), undefined);
});

Deno.test("to resume a long answer counts for as much work as it makes", () => {
  const limits = { resumesPerMinute: 10 };
  const budgets = budgetsOf(limits);
  assertEquals([resumeCost(49_999), resumeCost(50_000)], [1, 2]);
  assertEquals(budgets.countResume("x", 49_999), undefined);
  assertEquals(budgets.countResume("x", 400_000), undefined);
  assertEquals(budgets.countResume("x")?.code, "too_many_streams");
  // One that counts for more than there is can be resumed all the same.
  assertEquals(budgets.countResume("y", 10_000_000), undefined);
  const refusal = budgets.countResume("y", 10_000_000)!;
  assert(refusal.retryAfter <= 60, `${refusal.retryAfter}`);
});

Deno.test("a stream that would be one too many is refused, whosever it is", () => {
  const limits = { streams: 2, streamsPerClient: 2 };
  const budgets = budgetsOf(limits);
  const close = budgets.openStream("x") as () => void;
  budgets.openStream("y");
  assertEquals(budgets.openStream("z"), { code: "overloaded", retryAfter: 5 });
  close();
  assertEquals(typeof budgets.openStream("z"), "function");
});

Deno.test("a stream is given back once, however often it is closed", () => {
  const budgets = budgetsOf({ streamsPerClient: 2 });
  const first = budgets.openStream("x") as () => void;
  const second = budgets.openStream("x") as () => void;
  first();
  first();
  assertEquals(budgets.openStreams, 1);
  second();
  assertEquals(budgets.openStreams, 0);
});
