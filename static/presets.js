/**
 * Prompts and schemas to begin with.
 *
 * @module
 */

/** @typedef {import("./messages.js").Language} Language */
/** @typedef {{ prompt: string, schema?: Record<string, unknown> }} Preset */

/** @type {Record<string, Record<Language, Preset>>} */
export const presets = {
  // The original's two fields: what the server asks for when no schema is given.
  article: {
    zh: { prompt: "科技发展新趋势" },
    en: { prompt: "New directions in technology" },
  },
  product: {
    zh: {
      prompt: "一副适合通勤的降噪耳机",
      schema: object({
        name: text("名称"),
        tagline: text("一句话"),
        price: { type: "number", title: "价格（元）" },
        in_stock: { type: "boolean", title: "有货" },
        description: text("介绍"),
        highlights: list("亮点", { type: "string" }),
        specs: list("规格", object({ name: text("项"), value: text("值") })),
        tags: list("标签", { type: "string" }),
      }),
    },
    en: {
      prompt: "Noise-cancelling headphones for commuters",
      schema: object({
        name: text("Name"),
        tagline: text("In a line"),
        price: { type: "number", title: "Price ($)" },
        in_stock: { type: "boolean", title: "In stock" },
        description: text("Description"),
        highlights: list("Highlights", { type: "string" }),
        specs: list(
          "Specs",
          object({ name: text("Item"), value: text("Value") }),
        ),
        tags: list("Tags", { type: "string" }),
      }),
    },
  },
  recipe: {
    zh: {
      prompt: "番茄炒蛋，两人份",
      schema: object({
        title: text("菜名"),
        summary: text("简介"),
        minutes: { type: "integer", title: "分钟" },
        servings: { type: "integer", title: "份数" },
        ingredients: list(
          "用料",
          object({ name: text("食材"), amount: text("用量") }),
        ),
        steps: list("步骤", { type: "string" }),
        tip: text("诀窍"),
      }),
    },
    en: {
      prompt: "Scrambled eggs with tomatoes, for two",
      schema: object({
        title: text("Dish"),
        summary: text("In short"),
        minutes: { type: "integer", title: "Minutes" },
        servings: { type: "integer", title: "Servings" },
        ingredients: list(
          "Ingredients",
          object({ name: text("Ingredient"), amount: text("Amount") }),
        ),
        steps: list("Steps", { type: "string" }),
        tip: text("Tip"),
      }),
    },
  },
  quiz: {
    zh: {
      prompt: "三道关于太阳系的选择题",
      schema: object({
        title: text("标题"),
        questions: list(
          "题目",
          object({
            question: text("问题"),
            options: list("选项", { type: "string" }),
            answer: text("答案"),
            explanation: text("解释"),
          }),
        ),
      }),
    },
    en: {
      prompt: "Three multiple-choice questions on the solar system",
      schema: object({
        title: text("Title"),
        questions: list(
          "Questions",
          object({
            question: text("Question"),
            options: list("Options", { type: "string" }),
            answer: text("Answer"),
            explanation: text("Why"),
          }),
        ),
      }),
    },
  },
};

/**
 * The fields that come when no schema is given.
 *
 * @type {Record<Language, Record<string, unknown>>}
 */
export const originalFields = {
  zh: object({ title: text("标题"), summary: text("摘要") }),
  en: object({ title: text("Title"), summary: text("Summary") }),
};

/** @param {Record<string, unknown>} properties */
function object(properties) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  };
}

/** @param {string} title */
function text(title) {
  return { type: "string", title };
}

/**
 * @param {string} title
 * @param {Record<string, unknown>} items
 */
function list(title, items) {
  return { type: "array", title, items };
}
