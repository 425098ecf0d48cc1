/**
 * The page: asks, follows, and shows how it goes.
 *
 * @module
 */

/// <reference lib="dom" />

import { generationId, streamFields } from "./client.js";
import { messages, preferredLanguage } from "./messages.js";
import { Meter } from "./meter.js";
import { originalFields, presets } from "./presets.js";
import { AnswerView } from "./view.js";
import { WireList } from "./wire.js";

/** @typedef {import("./client.js").Connection} Connection */
/** @typedef {import("./client.js").FieldStream} FieldStream */
/** @typedef {import("./client.js").FieldStreamError} FieldStreamError */
/** @typedef {import("./meter.js").Tally} Tally */
/** @typedef {import("./presets.js").Preset} Preset */
/** @typedef {import("./view.js").Schema} Schema */

/**
 * What was asked, kept so that a reload can carry on.
 *
 * @typedef {object} Question
 * @property {string} id
 * @property {string} prompt
 * @property {string} preset
 * @property {Schema} [schema]
 * @property {string} [model]
 * @property {Tally} [tally]
 */

const address = new URL("helloworld", location.href);
const storageKey = "fieldstream.question";

let language = preferredLanguage();
let say = messages[language];

const view = new AnswerView(byId("answer"));
/** The server's own words come in the page's language. */
const headers = new Headers();
const wire = new WireList(byId("wire"), byId("wire-note"));
const meter = new Meter(say);

/** @type {FieldStream | undefined} */
let stream;
/** @type {Question | undefined} */
let question;
let preset = "article";
/** Since the connection was lost, whether something has come. */
let broken = false;
let thinking = false;
/** When the last event came. */
let heardAt = 0;
let promptInView = true;
/** Repeats the state's text in the language that is chosen. */
let describe = () => {};
/** The same for where it was carried on with. */
let describeResumed = () => {};
/** What is said when nothing has been asked. */
let idleWords = () => say.idle;
/** The same for an error's notice. */
let describeNotice = () => {};
let countdown = /** @type {ReturnType<typeof setInterval> | undefined} */ (
  undefined
);

// ---- What is happening

/**
 * Shows a state, and tells those who cannot see it when its kind changes.
 *
 * @param {string} phase
 * @param {() => string} words
 * @param {boolean} [silently]
 */
function show(phase, words, silently = false) {
  clearInterval(countdown);
  const state = byId("state");
  const changed = state.dataset["phase"] !== phase;
  state.dataset["phase"] = phase;
  describe = () => byId("state-text").textContent = words();
  describe();
  if (changed && !silently) byId("live").textContent = words();
}

/** Says that nothing comes, where a connection is open. */
function listen() {
  const { phase = "" } = byId("state").dataset;
  const silence = Date.now() - heardAt;
  if (/waiting|thinking|writing/.test(phase) && silence > 3_000) {
    show("silent", () => say.silent(Math.floor((Date.now() - heardAt) / 1e3)));
  } else if (phase === "silent") describe();
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
        describeResumed = () =>
          byId("resumed").textContent = say.resumed(offset);
        describeResumed();
        byId("resumed").hidden = false;
        byId("live").textContent = say.resumed(offset);
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
  if (stream) return;
  const schema = readSchema();
  if (schema === null) return;
  const prompt = textarea("prompt").value.trim();
  follow({ id: generationId(), prompt, preset, ...(schema && { schema }) });
}

/**
 * @param {Question} asked
 * @param {{ lastEventId?: string, state?: unknown, reloaded?: boolean }} [from]
 * Where to carry on. A state is on the page already.
 */
function follow(asked, { lastEventId, state, reloaded = false } = {}) {
  let gone = false;
  question = asked;
  hideNotice();
  byId("resumed").hidden = true;
  delete byId("state").dataset["valid"];
  button("copy").disabled = true;
  thinking = false;
  if (state !== undefined) meter.resume();
  else {
    broken = false;
    view.prepare(fieldsOf(asked), !asked.schema);
    wire.clear();
    byId("thoughts").hidden = true;
    byId("thoughts-text").textContent = "";
    meter.start(asked.tally);
    byId("figures").hidden = false;
    if (!lastEventId) showModel("");
  }
  let last = "";
  const current = streamFields(address, {
    id: asked.id,
    headers,
    ...(asked.prompt && { prompt: asked.prompt }),
    ...(asked.schema && { schema: asked.schema }),
    ...(lastEventId && { lastEventId, state }),
    onConnection: showConnection,
    onEvent(event) {
      last = event.id;
      heardAt = Date.now();
      wire.add(event);
      meter.received(current.bytesReceived);
      meter.event(event);
    },
    onStart({ model }) {
      view.restart();
      meter.restart();
      asked.model = model;
      showModel(model);
      save();
    },
    onReasoning(text) {
      thinking = true;
      if (byId("state").dataset["phase"] !== "thinking") {
        meter.span("think");
        show("thinking", () => say.thinking);
        byId("thoughts").hidden = false;
      }
      byId("thoughts-text").append(text);
    },
    onDelta(delta) {
      view.add(delta);
      meter.delta(delta, last);
      if (byId("state").dataset["phase"] !== "writing") {
        thinking = false;
        meter.span("write");
        show(
          "writing",
          () => view.field ? say.writing(view.field) : say.writingAnswer,
        );
      }
    },
    onEnd({ valid, errors = [] }) {
      // The count that the events tell too.
      const count = meter.tally?.offset ?? 0;
      byId("state").dataset["valid"] = String(valid);
      show(
        "complete",
        () => valid === false ? say.completeInvalid : say.complete(count),
      );
      if (valid === false) showInvalid(errors);
    },
    onError(error) {
      gone = reloaded && error.code === "expired";
      if (!gone) showError(error, current);
    },
  });
  stream = current;
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
  meter.stop(
    ended.lastEventId.endsWith(".end") ||
      byId("state").dataset["phase"] === "stopped",
  );
  // Of nothing there are no figures.
  byId("figures").hidden = ended.state === undefined;
  view.finish();
  button("copy").disabled = ended.state === undefined;
  button("copy").onclick = () => copy(ended.state);
  running(false);
  save();
}

function stop() {
  stream?.stop();
  show("stopped", () => say.stopped);
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

/** Keeps what a reload needs. */
function save() {
  if (!question) return;
  const { tally } = meter;
  remember({ ...question, ...(tally && { tally }) });
}

// ---- Errors

/**
 * @param {FieldStreamError} error
 * @param {FieldStream} ended
 */
function showError(error, ended) {
  const { code, path } = error;
  const { lastEventId, state } = ended;
  const advice = () =>
    (lastEventId && say.midway[code]) || say.errors[code] ||
    { title: say.failed, advice: error.message };
  const text = () =>
    advice().advice + (state === undefined ? "" : say.gap + say.kept);
  if (code === "stopped") {
    show("stopped", () => say.stopped);
    return;
  }
  show(
    code === "truncated" || code === "refused" ? code : "error",
    () => advice().title,
  );
  if (path !== undefined) {
    view.flush();
    view.words.cutAt = say.cutAt;
    view.markCut(path);
  }
  const words = byId("notice-words");
  // What the model said, or what the server does not like.
  words.hidden = code !== "refused" &&
    (code !== "bad_request" || error.message === "HTTP 400");
  words.textContent = error.message;
  byId("live").textContent = `${advice().title} ${text()}`;
  byId("token-form").hidden = code !== "unauthorized";

  const asked = /** @type {Question} */ (question);
  const carryOn = () =>
    follow(asked, lastEventId ? { lastEventId, state } : {});
  const action = button("notice-action");
  // What has not ended may still be written: asking anew would pay twice.
  const later = !lastEventId.endsWith(".end") &&
    (error.retryable || /^(connection_lost|bad_response)$/.test(code));
  action.hidden = !(later || error.retryable || code === "expired");
  describeNotice = () => {
    byId("notice-title").textContent = advice().title;
    byId("notice-text").textContent = text();
    action.textContent = later ? say.resume : say.again;
  };
  action.onclick = later ? carryOn : ask;
  showNotice();
  if (code === "unauthorized") byId("token").focus();
  byId("token-form").onsubmit = (event) => {
    event.preventDefault();
    sendToken(carryOn);
  };
}

/**
 * Says where a complete answer is not what was asked for.
 *
 * @param {readonly { pointer: string, message: string }[]} errors
 */
function showInvalid(errors) {
  view.flush();
  const reasons = byId("notice-reasons");
  for (const { pointer, message } of errors) {
    view.markWrong(pointer);
    const item = document.createElement("li");
    const place = document.createElement("code");
    place.textContent = pointer;
    item.append(...pointer ? [place, " "] : [], message);
    reasons.append(item);
  }
  button("notice-action").hidden = false;
  button("notice-action").onclick = ask;
  describeNotice = () => {
    byId("notice-title").textContent = say.invalid.title;
    byId("notice-text").textContent = say.invalid.advice;
    button("notice-action").textContent = say.again;
  };
  showNotice();
}

/** Shows the notice, wherever on the page the reader is. */
function showNotice() {
  describeNotice();
  byId("notice").hidden = false;
  byId("notice").scrollIntoView({ block: "nearest" });
}

function hideNotice() {
  byId("notice").hidden = true;
  byId("notice-words").hidden = true;
  byId("token-form").hidden = true;
  byId("notice-reasons").replaceChildren();
  describeNotice = () => {};
}

/** Exchanges the token for a cookie. @param {() => void} then */
async function sendToken(then) {
  const input = /** @type {HTMLInputElement} */ (byId("token"));
  const response = await fetch(new URL("session", location.href), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: input.value.trim() }),
  }).catch(() => undefined);
  if (response?.ok) {
    input.value = "";
    then();
    return;
  }
  const describeBefore = describeNotice;
  const words = () =>
    response?.status === 401
      ? say.tokenWrong
      : say.errors["connection_lost"]?.title ?? say.failed;
  describeNotice = () => {
    describeBefore();
    byId("notice-text").textContent = words();
  };
  describeNotice();
  byId("live").textContent = "";
  // Said again, if it is the same as before.
  requestAnimationFrame(() => byId("live").textContent = words());
  input.focus();
  input.select();
}

// ---- Schema and presets

/** @returns {Schema | undefined | null} null if it is not one. */
function readSchema() {
  const text = textarea("schema").value.trim();
  const hint = byId("schema-error");
  hint.textContent = "";
  textarea("schema").removeAttribute("aria-invalid");
  if (text === "") return undefined;
  try {
    const schema = JSON.parse(text);
    if (typeof schema === "object" && schema && !Array.isArray(schema)) {
      return schema;
    }
    hint.textContent = say.schemaWrong + text.slice(0, 40);
  } catch (error) {
    hint.textContent = say.schemaWrong + /** @type {Error} */ (error).message;
  }
  textarea("schema").setAttribute("aria-invalid", "true");
  /** @type {HTMLDetailsElement} */ (byId("schema-editor")).open = true;
  textarea("schema").focus();
  return null;
}

/** @param {string} name */
function choose(name) {
  const editor = /** @type {HTMLDetailsElement} */ (byId("schema-editor"));
  if (preset === "custom") editor.open = false;
  preset = name;
  const chosen = presets[name]?.[language];
  if (chosen) {
    textarea("prompt").value = chosen.prompt;
    textarea("schema").value = source(chosen.schema);
  } else {
    // The last preset's, to begin with.
    textarea("schema").value ||= source(originalFields[language]);
    editor.open = true;
    textarea("schema").focus();
    textarea("schema").setSelectionRange(0, 0);
    textarea("schema").scrollTop = 0;
  }
  readSchema();
  fit();
  if (!stream) begin();
}

/** As if nothing had been asked. @param {() => string} [words] */
function begin(words = () => say.idle) {
  question = undefined;
  idleWords = words;
  forget();
  hideNotice();
  for (const id of ["resumed", "thoughts", "figures"]) byId(id).hidden = true;
  button("copy").disabled = true;
  wire.clear();
  showModel("");
  show("idle", words, true);
  const schema = readSchema() ?? undefined;
  view.prepare(fieldsOf({ schema }), !schema);
}

/**
 * The fields of an answer, in the page's language where they are its own.
 *
 * @param {{ schema?: Schema | undefined }} asked
 * @returns {Schema}
 */
function fieldsOf({ schema }) {
  if (!schema) return originalFields[language];
  return translated(source(schema)) ?? schema;
}

/**
 * The schema in the page's language, if it is one of the page's own.
 *
 * @param {string} text
 * @returns {Schema | undefined}
 */
function translated(text) {
  return [originalFields, ...Object.values(presets).map(schemasOf)].find(
    (schemas) => Object.values(schemas).some((own) => source(own) === text),
  )?.[language];
}

/** @param {Record<import("./messages.js").Language, Preset>} preset */
function schemasOf({ zh, en }) {
  return { zh: zh.schema, en: en.schema };
}

/** @param {Schema | undefined} schema */
function source(schema) {
  return schema ? JSON.stringify(schema, null, 2) : "";
}

function addPresets() {
  for (const name of [...Object.keys(presets), "custom"]) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "radio";
    input.name = "preset";
    input.value = name;
    input.checked = name === preset;
    input.addEventListener("change", () => choose(name));
    const text = document.createElement("span");
    text.dataset["preset"] = name;
    label.append(input, text);
    byId("presets").append(label);
  }
}

// ---- Language

function speak() {
  say = messages[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  headers.set("Accept-Language", document.documentElement.lang);
  for (const node of document.querySelectorAll("[data-t]")) {
    const key = node.getAttribute("data-t") ?? "";
    node.textContent = /** @type {any} */ (say)[key];
  }
  for (const node of document.querySelectorAll("[data-t-label]")) {
    const key = node.getAttribute("data-t-label") ?? "";
    node.setAttribute("aria-label", /** @type {any} */ (say)[key]);
  }
  for (const node of document.querySelectorAll("[data-preset]")) {
    const name = node.getAttribute("data-preset") ?? "";
    node.textContent = say.presetNames[name] ?? name;
  }
  textarea("prompt").placeholder = say.promptHint;
  byId("wire").dataset["hint"] = say.wireHint;
  byId("wire-note").textContent = say.wireNote(300);
  const { yes, no, nothing, cutAt } = say;
  view.words = { yes, no, nothing, cutAt };
  const other = button("language");
  other.textContent = language === "zh" ? "English" : "中文";
  other.lang = language === "zh" ? "en" : "zh-CN";
  meter.speak(say);
  showModel(question?.model ?? "");
  describeNotice();
  describeResumed();
  translateQuestion();
  if (question) view.relabel(fieldsOf(question));
  describe();
}

/** What nobody has typed follows the page's language. */
function translateQuestion() {
  const prompts = presets[preset];
  const prompt = textarea("prompt");
  if (
    prompts &&
    Object.values(prompts).some((own) => own.prompt === prompt.value)
  ) {
    prompt.value = prompts[language].prompt;
    fit();
  }
  const schema = textarea("schema");
  if (schema.value !== "") {
    schema.value = source(translated(schema.value)) || schema.value;
  }
}

// ---- Small things

/** @param {string} name */
function showModel(name) {
  const demo = /demo|演示/i.test(name);
  byId("model").textContent = name === ""
    ? ""
    : demo
    ? say.demo
    : say.model(name);
  byId("model").classList.toggle("demo", demo);
}

/** @param {unknown} state */
async function copy(state) {
  const text = JSON.stringify(state, null, 2);
  const copied = await navigator.clipboard?.writeText(text)
    .then(() => true, () => false) || copyOldWay(text);
  const words = copied ? say.copied : say.copyFailed;
  byId("copy").textContent = words;
  byId("live").textContent = words;
  setTimeout(() => byId("copy").textContent = say.copy, 2_000);
}

/** Where the page is not served over HTTPS. @param {string} text */
function copyOldWay(text) {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  byId("copy").focus();
  return copied;
}

/** The prompt is as high as its text. */
function fit() {
  const area = textarea("prompt");
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

/** @param {Question} asked */
function remember(asked) {
  try {
    sessionStorage.setItem(storageKey, JSON.stringify(asked));
  } catch {
    // Without storage a reload begins anew.
  }
}

function forget() {
  try {
    sessionStorage.removeItem(storageKey);
  } catch {
    // Nothing was kept either.
  }
}

/** @returns {Question | undefined} */
function recall() {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey) ?? "null") ??
      undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} id */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} id */
function button(id) {
  return /** @type {HTMLButtonElement} */ (byId(id));
}

/** @param {string} id */
function textarea(id) {
  return /** @type {HTMLTextAreaElement} */ (byId(id));
}

// ---- Begin

addPresets();
show("idle", () => say.idle, true);
speak();

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byId("prompt").addEventListener("keydown", (event) => {
  // Enter also ends the choice of a Chinese word: Safari tells by the code alone.
  const composes = event.isComposing || event.keyCode === 229;
  if (event.key !== "Enter" || event.shiftKey || composes) return;
  event.preventDefault();
  ask();
});
byId("prompt").addEventListener("input", fit);
byId("schema").addEventListener("input", readSchema);
byId("stop").addEventListener("click", stop);
byId("stop-here").addEventListener("click", stop);
new IntersectionObserver(([entry]) => {
  promptInView = entry?.isIntersecting ?? true;
  placeStop();
}).observe(byId("start").parentElement ?? byId("ask"));
addEventListener("resize", fit);
byId("cut").addEventListener("click", () => stream?.reconnect());
byId("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("fieldstream.language", language);
  } catch {
    // Then it holds until the next visit.
  }
  speak();
  if (!question) begin(idleWords);
});
addEventListener("pagehide", save);
setInterval(listen, 1_000);

const earlier = recall();
choose("article");
if (earlier) {
  if (presets[earlier.preset]) choose(earlier.preset);
  textarea("prompt").value = earlier.prompt;
  textarea("schema").value = source(earlier.schema);
  preset = earlier.preset;
  const radio = document.querySelector(`input[value="${CSS.escape(preset)}"]`);
  if (radio instanceof HTMLInputElement) radio.checked = true;
  fit();
  showModel(earlier.model ?? "");
  follow(earlier, { lastEventId: `${earlier.id}.0`, reloaded: true });
}
