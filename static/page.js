/**
 * The page: asks, follows, and shows how it goes.
 *
 * @module
 */

/// <reference lib="dom" />

import { generationId, streamFields } from "./client.js";
import { Comparison } from "./compare.js";
import { copyText } from "./clipboard.js";
import { button, byId, choose } from "./dom.js";
import { addressOf } from "./endpoints.js";
import { JsonView } from "./json_view.js";
import { messages, preferredLanguage } from "./messages.js";
import { Meter } from "./meter.js";
import { Notice } from "./notice.js";
import { QuestionForm } from "./question.js";
import { UseThis } from "./use_this.js";
import { AnswerView } from "./view.js";
import { WireList } from "./wire.js";

/** @typedef {import("./client.js").Connection} Connection */
/** @typedef {import("./client.js").EndEvent} EndEvent */
/** @typedef {import("./client.js").FieldStream} FieldStream */
/** @typedef {import("./client.js").FieldStreamError} FieldStreamError */
/** @typedef {import("./meter.js").Tally} Tally */
/** @typedef {import("./question.js").Question} Question */

/**
 * What was asked, kept so that a reload can carry on.
 *
 * @typedef {Question & { id: string, model?: string, tally?: Tally }} Asked
 */

const storageKey = "fieldstream.question";

let language = preferredLanguage();
let say = messages[language];
/** The server's own words come in the page's language. */
const headers = new Headers();

const form = new QuestionForm(say, language);
const view = new AnswerView(byId("answer"));
const json = new JsonView(byId("json"));
const wire = new WireList(byId("wire"), byId("wire-note"));
const meter = new Meter(say);
const notice = new Notice(say);
const comparison = new Comparison(say);
const useThis = new UseThis(say);

/** @type {FieldStream | undefined} */
let stream;
/** @type {Asked | undefined} */
let asked;
/** Since the connection was lost, whether something has come. */
let broken = false;
let thinking = false;
/** When the last event came. */
let heardAt = 0;
let promptInView = true;
/** What stands beside the answer. */
let beside = "events";
/** Repeats the state's text in the language that is chosen. */
let describe = () => {};
/** The same for what the answer has come through. */
let describeResumed = () => {};
/** What is said when nothing has been asked. */
let idleWords = () => say.idle;
let countdown = /** @type {ReturnType<typeof setInterval> | undefined} */ (
  undefined
);

// ---- What is happening

function phase() {
  return byId("state").dataset["phase"] ?? "";
}

/**
 * Shows a state, and tells those who cannot see it when its kind changes.
 *
 * @param {string} name
 * @param {() => string} words
 * @param {boolean} [silently]
 */
function show(name, words, silently = false) {
  clearInterval(countdown);
  const changed = phase() !== name;
  byId("state").dataset["phase"] = name;
  describe = () => byId("state-text").textContent = words();
  describe();
  if (changed && !silently) byId("live").textContent = words();
}

/** @param {() => string} words What the answer has come through. */
function showResumed(words) {
  describeResumed = () => byId("resumed").textContent = words();
  describeResumed();
  byId("resumed").hidden = false;
  byId("live").textContent = words();
}

/** Says that nothing comes, where a connection is open. */
function listen() {
  const seconds = () => Math.floor((Date.now() - heardAt) / 1_000);
  if (/waiting|thinking|writing/.test(phase()) && seconds() >= 3) {
    show("silent", () => say.silent(seconds()));
  } else if (phase() === "silent") describe();
}

/** @param {Connection} connection */
function showConnection({ status, attempt, offset, delay = 0, code }) {
  button("cut").disabled = status !== "open";
  switch (status) {
    case "connecting":
      if (attempt === 0 && !broken) show("connecting", () => say.connecting);
      else show("reconnecting", () => say.retrying(Math.max(attempt, 1)));
      break;
    case "open":
      if (offset !== undefined && broken) {
        wire.note(say.wireResumed(offset), "resumed");
        showResumed(() => say.resumed(offset));
      }
      meter.span(thinking ? "think" : "wait");
      heardAt = Date.now();
      show("waiting", () => offset ? say.connected : say.waiting, broken);
      broken = false;
      break;
    case "waiting":
    case "offline": {
      // A server that asks to come back later has lost nothing.
      const busy = code === "overloaded" || code === "draining" ||
        code === "too_many_streams";
      if (!broken) wire.note(busy ? say.wireBusy : say.wireCut, "cut");
      broken = true;
      if (!busy) meter.span("gap");
      byId("resumed").hidden = true;
      const due = Date.now() + delay;
      const words = () => {
        const left = Math.max(0, due - Date.now()) / 1_000;
        const text = left.toFixed(left < 10 ? 1 : 0);
        if (code === "too_many_streams") return say.tooMany(text);
        if (busy) return say.busy(text);
        return stream?.lastEventId ? say.broken(text) : say.unanswered(text);
      };
      if (status === "offline") show("offline", () => say.offline);
      else {
        show("reconnecting", words);
        countdown = setInterval(() => describe(), 100);
      }
      break;
    }
  }
}

view.onField = () => describe();

// ---- Asking and following

function ask() {
  // The browser says what is missing.
  if (stream || !document.forms.namedItem("ask")?.reportValidity()) return;
  const question = form.read();
  if (question) follow({ id: generationId(), ...question });
}

/**
 * @param {Asked} question
 * @param {{ lastEventId?: string, state?: unknown, reloaded?: boolean }} [from]
 * Where to carry on. A state is on the page already.
 */
function follow(question, { lastEventId, state, reloaded = false } = {}) {
  let gone = false;
  asked = question;
  const { id, prompt, schema, path, input } = question;
  notice.hide();
  byId("resumed").hidden = true;
  delete byId("state").dataset["valid"];
  thinking = false;
  if (state !== undefined) meter.resume();
  else {
    broken = false;
    clear(schema);
    meter.start(question.tally);
    byId("figures").hidden = false;
    if (!lastEventId) showModel("");
  }
  let last = "";
  const current = streamFields(addressOf(path), {
    id,
    headers,
    ...(prompt && { prompt }),
    ...(schema && !path && { schema }),
    ...(input && { input }),
    ...(lastEventId && { lastEventId, state }),
    onConnection: showConnection,
    onEvent(event) {
      last = event.id;
      heardAt = Date.now();
      wire.add(event);
      meter.received(current.bytesReceived);
      meter.event(event);
      showAttempt(event);
    },
    onStart({ model }) {
      view.restart();
      json.clear();
      meter.restart();
      question.model = model;
      showModel(model);
      save();
    },
    onReasoning(text) {
      thinking = true;
      if (phase() !== "thinking") {
        meter.span("think");
        show("thinking", () => say.thinking);
        byId("thoughts").hidden = false;
      }
      byId("thoughts-text").append(text);
    },
    onDelta(delta) {
      view.add(delta);
      json.add(delta);
      meter.delta(delta, last);
      if (phase() !== "writing") {
        thinking = false;
        meter.span("write");
        show(
          "writing",
          () => view.field ? say.writing(view.field) : say.writingAnswer,
        );
      }
    },
    onEnd: showEnd,
    onError(error) {
      gone = reloaded && error.code === "expired";
      if (!gone) showError(error, current);
    },
  });
  stream = current;
  showAnswer(current.state, "part");
  save();
  running(true);
  current.finished.catch((error) => {
    // A fault of this page. Even then it does not just stand still.
    reportError(error);
    show("error", () => say.failed);
    current.close();
  }).finally(() => {
    if (stream === current) over(current);
    // Nobody asked for it just now: so this is nothing to worry about.
    if (gone) begin(() => say.idleExpired);
  });
}

/** @param {FieldStream} ended */
function over(ended) {
  stream = undefined;
  meter.received(ended.bytesReceived);
  meter.stop(ended.lastEventId.endsWith(".end") || phase() === "stopped");
  // Of nothing there are no figures.
  byId("figures").hidden = ended.state === undefined;
  view.finish();
  showAnswer(ended.state, phase() === "complete" ? "whole" : "part");
  running(false);
  save();
}

function stop() {
  stream?.stop();
  show("stopped", () => say.stopped);
}

/** Empties what shows an answer. @param {Question["schema"]} schema */
function clear(schema) {
  view.prepare(form.fieldsOf(schema), !schema);
  json.clear();
  wire.clear();
  comparison.clear();
  byId("thoughts").hidden = true;
  byId("thoughts-text").textContent = "";
}

/**
 * What can be done with the answer.
 *
 * @param {unknown} state
 * @param {"whole" | "part"} how
 */
function showAnswer(state, how) {
  const copy = button("copy");
  copy.disabled = stream !== undefined || state === undefined;
  copy.textContent = copy.disabled || how === "whole" ? say.copy : say.copyPart;
  copy.dataset["t"] = how === "whole" || copy.disabled ? "copy" : "copyPart";
  copy.onclick = async () => {
    const copied = await copyText(JSON.stringify(state, null, 2));
    const words = copied ? say.copied : say.copyFailed;
    copy.textContent = words;
    byId("live").textContent = words;
    setTimeout(speakStatic, 2_000);
  };
  const pace = meter.tally?.pace ?? [];
  button("compare-open").hidden = copy.disabled || how === "part";
  button("compare-open").onclick = () => comparison.open(state, pace);
}

/**
 * Puts the button that makes sense where the hand is.
 *
 * @param {boolean} is
 */
function running(is) {
  const [shown, hidden] = is ? ["stop", "start"] : ["start", "stop"];
  const focused = document.activeElement;
  byId(shown).hidden = false;
  byId(hidden).hidden = true;
  byId("cut").hidden = !is;
  placeStop();
  if (focused instanceof HTMLElement && focused.hidden) {
    byId(shown).focus({ preventScroll: true });
  }
}

/** Whoever follows a long answer has left the first one behind. */
function placeStop() {
  byId("stop-here").hidden = !stream || promptInView;
}

/** As if nothing had been asked. @param {() => string} [words] */
function begin(words = () => say.idle) {
  // What this page has not asked is not its to forget.
  if (asked) store(undefined);
  asked = undefined;
  idleWords = words;
  notice.hide();
  for (const id of ["resumed", "figures"]) byId(id).hidden = true;
  clear(form.read()?.schema);
  showAnswer(undefined, "part");
  showModel("");
  show("idle", words, true);
}

// ---- How it ended

/** @param {EndEvent & { unchecked?: string[], mended?: string[] }} end */
function showEnd({ valid, errors = [], unchecked = [], mended = [], usage }) {
  wire.flush();
  meter.usage(usage);
  // The count that the events tell too.
  const count = meter.tally?.offset ?? 0;
  byId("state").dataset["valid"] = String(valid);
  show(
    "complete",
    () => valid === false ? say.completeInvalid : say.complete(count),
  );
  if (valid === false) {
    view.flush();
    for (const { pointer } of errors) view.markWrong(pointer);
    notice.show({
      words: () => ({ title: say.invalid.title, text: say.invalid.advice }),
      reasons: errors,
      action: "again",
      onAction: ask,
    });
  } else if (unchecked.length + mended.length > 0) {
    notice.show({
      words: () => ({
        title: unchecked.length > 0 ? say.unchecked : say.mended,
        text: [
          ...unchecked.length > 0
            ? [say.uncheckedWhat(named(unchecked, say.reasons))]
            : [],
          ...mended.length > 0
            ? [say.mendedWhat(named(mended, say.slips))]
            : [],
        ].join(say.gap),
      }),
      isQuiet: true,
    });
  }
}

/**
 * @param {FieldStreamError} error
 * @param {FieldStream} ended
 */
function showError(error, ended) {
  const { code, path, message } = error;
  const { lastEventId, state } = ended;
  const question = /** @type {Asked} */ (asked);
  const isWrongInput = code === "bad_request" && question.input !== undefined;
  const words = () => {
    const { title, advice } = (lastEventId && say.midway[code]) ||
      isWrongInput && say.wrongInput || say.errors[code] ||
      { title: say.failed, advice: message };
    const kept = state === undefined ? "" : say.gap + say.kept;
    return { title, text: advice + kept };
  };
  wire.flush();
  if (code === "stopped") {
    show("stopped", () => say.stopped);
    return;
  }
  show(
    code === "truncated" || code === "refused" ? code : "error",
    () => words().title,
  );
  if (isWrongInput && form.showWrong(message)) return;
  byId("live").textContent = `${words().title} ${words().text}`;
  if (path !== undefined) {
    view.flush();
    view.markCut(path);
  }
  const carryOn = () =>
    follow(question, lastEventId ? { lastEventId, state } : {});
  // What has not ended may still be written: asking anew would pay twice.
  const goesOn = !lastEventId.endsWith(".end") &&
    (error.retryable || /^(connection_lost|bad_response)$/.test(code));
  const mayAsk = error.retryable || code === "expired";
  notice.show({
    words,
    // What the model said, or what the server does not like.
    ...((code === "refused" ||
      code === "bad_request" && message !== "HTTP 400") && { quote: message }),
    ...(goesOn
      ? { action: "resume", onAction: carryOn }
      : mayAsk
      ? { action: "again", onAction: ask }
      : {}),
    ...(code === "unauthorized" && { onToken: carryOn }),
  });
}

/**
 * @param {string[]} names
 * @param {Record<string, string>} words
 */
function named(names, words) {
  return names.map((name) => words[name] ?? name).join(say.comma);
}

/** Says that the model is asked once more. @param {{ data: string }} event */
function showAttempt({ data }) {
  if (!data.startsWith('{"status":"attempt"')) return;
  const { attempt, reason, continues } = JSON.parse(data);
  const why = () => say.errors[reason]?.title ?? reason ?? "";
  const words = () => say.attempt(attempt, continues);
  wire.note(`${why()} · ${words()}`, "cut");
  showResumed(words);
}

// ---- Language

function speak() {
  say = messages[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  headers.set("Accept-Language", document.documentElement.lang);
  /** @type {HTMLAnchorElement} */ (byId("readme")).href = language === "zh"
    ? "README.zh-CN.md"
    : "README.md";
  speakStatic();
  byId("wire").dataset["hint"] = say.wireHint;
  byId("wire-note").textContent = say.wireNote(300);
  const { yes, no, nothing, cutAt } = say;
  view.words = { yes, no, nothing, cutAt };
  const other = button("language");
  other.textContent = language === "zh" ? "English" : "中文";
  other.lang = language === "zh" ? "en" : "zh-CN";
  form.speak(say, language);
  meter.speak(say);
  notice.speak(say);
  comparison.speak(say);
  useThis.speak(say);
  showBeside(beside);
  showModel(asked?.model ?? "");
  describeResumed();
  if (asked) view.relabel(form.fieldsOf(asked.schema));
  describe();
}

/** What the HTML says. */
function speakStatic() {
  /** @type {any} */
  const words = say;
  for (const node of document.querySelectorAll("[data-t]")) {
    node.textContent = words[node.getAttribute("data-t") ?? ""];
  }
  for (const node of document.querySelectorAll("[data-t-label]")) {
    const key = node.getAttribute("data-t-label") ?? "";
    node.setAttribute("aria-label", words[key]);
  }
}

// ---- Small things

/** @param {string} what */
function showBeside(what) {
  beside = what;
  const choices = [
    { name: "events", label: say.events },
    { name: "json", label: "JSON" },
  ];
  choose(byId("beside"), choices, what, showBeside);
  byId("wire-scroll").hidden = what !== "events";
  byId("json-scroll").hidden = what !== "json";
  json.show(what === "json");
}

/** @param {string} name */
function showModel(name) {
  const demo = name === "demo";
  byId("model").textContent = name && (demo ? say.demo : say.model(name));
  if (demo) form.offerFaults();
}

/** Asks what may be asked, and who would answer, which starts nothing. */
async function meetServer() {
  const name = await form.learn(earlier) ??
    (await fetch(addressOf(), { method: "HEAD" }).catch(() => undefined))
      ?.headers.get("Fieldstream-Model");
  if (name === "demo") form.offerFaults();
  if (!asked) begin(idleWords);
}

/** Keeps what a reload needs. */
function save() {
  if (!asked) return;
  const { tally } = meter;
  store({ ...asked, ...(tally && { tally }) });
}

/** @param {Asked | undefined} value */
function store(value) {
  try {
    if (value) sessionStorage.setItem(storageKey, JSON.stringify(value));
    else sessionStorage.removeItem(storageKey);
  } catch {
    // Without storage a reload begins anew.
  }
}

/** @returns {Asked | undefined} */
function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey) ?? "null") ??
      undefined;
  } catch {
    return undefined;
  }
}

// ---- Begin

show("idle", () => say.idle, true);
speak();

form.onAsk = ask;
form.onChange = () => {
  if (!stream) begin();
};
byId("stop").addEventListener("click", stop);
byId("stop-here").addEventListener("click", stop);
new IntersectionObserver(([entry]) => {
  promptInView = entry?.isIntersecting ?? true;
  placeStop();
}).observe(byId("start").parentElement ?? byId("ask"));
byId("cut").addEventListener("click", () => stream?.reconnect());
byId("use-open").addEventListener("click", () => {
  const question = form.read();
  if (question) {
    useThis.open({ url: addressOf(question.path).href, ...question });
  }
});
byId("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("fieldstream.language", language);
  } catch {
    // Then it holds until the next visit.
  }
  speak();
  if (!asked) begin(idleWords);
});
addEventListener("pagehide", save);
setInterval(listen, 1_000);

const earlier = recall();
form.fill(earlier);
if (earlier) {
  showModel(earlier.model ?? "");
  follow(earlier, { lastEventId: `${earlier.id}.0`, reloaded: true });
}
meetServer();
