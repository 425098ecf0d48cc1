/** The languages that clients are spoken to in. */

/** Chinese, like the original's messages, or English. */
export type Language = "zh" | "en";

/** The same, said in each of them. */
export type Words = Readonly<Record<Language, string>>;
