/** Requests that nobody has asked for: what follows a link before a person does. */

/** Headers by which browsers say that they only fetch ahead. */
const PURPOSES = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/**
 * The agents of chat programs, mail programs and social networks that open a
 * link to show what is behind it. None of these words is in the name of a
 * browser in which a person opens it.
 */
const PREVIEW_AGENTS = new RegExp(
  [
    // Many borrow Facebook's or Twitter's name: iMessage, LINE, KakaoTalk, Lark.
    ...["facebookexternalhit", "facebookcatalog", "facebot", "meta-external"],
    ...[
      "twitterbot",
      "slackbot",
      "slack-imgproxy",
      "discordbot",
      "telegrambot",
    ],
    ...["^whatsapp/", "linkedinbot", "skypeuripreview", "microsoftpreview"],
    ...["bingpreview", "pinterestbot", "^pinterest/", "redditbot", "vkshare"],
    ...["snap url preview", "google-pagerenderer", "googleimageproxy"],
    ...["google-read-aloud", "googlemessages", "applebot", "^viber/"],
    ...["mattermost", "rocket\\.chat", "zulipurlpreview", "synapse \\(bot"],
    ...["matrix-media-repo", "mastodon/", "pleroma", "misskey", "cardyb"],
    ...["iframely", "embedly", "opengraph", "trellobot", "notionbot"],
    ...["line-poker", "kakaotalk-scrap", "larkurl2meta", "dingtalkbot"],
    ...["zoombot", "xing-contenttabreceiver", "nextcloud server crawler"],
    ...["link ?-?(?:preview|expand)", "(?:url|uri) ?-?preview", "unfurl"],
    // As programs that follow links call themselves by custom.
    "compatible; [^;)]*(?:bot|spider|crawler|preview)",
  ].join("|"),
  "i",
);

/** Whether only a program has seen the link, and no person waits for it. */
export function isPrefetch({ headers }: Request): boolean {
  return PURPOSES.some((name) =>
    /prefetch|prerender|preview/i.test(headers.get(name) ?? "")
  ) || PREVIEW_AGENTS.test(headers.get("user-agent")?.slice(0, 1000) ?? "");
}
