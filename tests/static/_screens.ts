/** What may be asked on the page, with all that code has to keep as it is. */

import { presets } from "../../static/presets.js";

/** A question as it stands on the page. */
export interface Screen {
  prompt: string;
  schema?: Record<string, unknown>;
}

/** Prompts and schemas of each kind. */
export const screens: Record<string, Screen> = {
  "a preset without a schema": presets["article"]!.en,
  "a preset with one": presets["recipe"]!.zh,
  "one's own": {
    prompt: `It's "so" \`quoted\` \${HOME} $(id) \\ \\n 雨\n\tnext </script>` +
      `<!-- ${"\u2028\u202e👩‍🚀"} %41&amp;'`,
    schema: {
      type: "object",
      description: "</script> it's `so` ${x}",
      properties: {
        title: { type: "string", title: "题" },
        "it's": { type: "array", items: { type: "string" } },
        'a-b "c"': { type: "boolean" },
        "名": { type: "integer" },
        __proto__x: { type: "object", properties: { y: { type: "null" } } },
      },
      required: ["title", "it's"],
      additionalProperties: false,
    },
  },
};
