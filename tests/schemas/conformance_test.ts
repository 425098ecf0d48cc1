// The official JSON Schema test suite: every group of the keywords that we take.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { checkSchema, SchemaError } from "../../lib/schemas/schema.ts";
import suite from "../conformance/json_schema_test_suite.json" with {
  type: "json",
};
import { validateAtOnce } from "./_validate.ts";

interface Group {
  description: string;
  schema: Record<string, unknown> | boolean;
  tests: { description: string; data: unknown; valid: boolean }[];
}

/** Why a schema is not taken; `undefined` if it is, perhaps in another one. */
function refusal(schema: Group["schema"]): string | undefined {
  try {
    checkSchema(schema);
  } catch (error) {
    assert(error instanceof SchemaError);
    // A document is an object or an array, but what is in it need not be.
    if (!error.message.includes("应描述一个对象")) return error.message;
  }
}

Deno.test("JSON Schema Test Suite: every verdict is right, where there is one", () => {
  const refused = new Map<string, number>();
  let judged = 0;
  const unchecked: Record<string, number> = {};
  for (const [file, groups] of Object.entries(suite.files)) {
    for (const { description, schema, tests } of groups as Group[]) {
      const reason = refusal(typeof schema === "boolean" ? {} : schema);
      if (reason !== undefined) {
        const kind = reason.replace(/^.*" /, "");
        refused.set(kind, (refused.get(kind) ?? 0) + 1);
        continue;
      }
      for (const { description: name, data, valid } of tests) {
        const result = typeof schema === "boolean"
          ? validateAtOnce({ items: schema }, [data])
          : validateAtOnce(schema, data);
        const what = `${file}: ${description}: ${name}`;
        const open = result.unchecked?.filter((each) => each !== "$id") ?? [];
        if (open.length === 0) {
          assertEquals(result.valid, valid, what);
          assertEquals(result.errors === undefined, valid, what);
        } else {
          // Never the wrong one: what is open asks for more, or is not told.
          assert(result.valid !== false || !valid, what);
          assertEquals(open, ["pattern"], what);
          unchecked[file] = (unchecked[file] ?? 0) + 1;
        }
        judged++;
      }
    }
  }
  assert(judged > 950, String(judged));
  assertEquals(Object.keys(unchecked), ["pattern", "propertyNames"]);
  for (const reason of refused.keys()) {
    assertMatch(
      reason,
      /不被支持|只能引用|不存在|之下不能|应为非空数组|没有任何/,
    );
  }
});
