// One photo and what becomes of it: its preview, its answer, the heat map, the correction.

import { bars, largeAnswer, similarPhotos, whyUnsure } from "./answer.js";
import { Refused, Unreachable, ask, inTurn } from "./ask.js";
import { correction } from "./correction.js";
import { counted, el, megabytes, percent, sentence, show } from "./dom.js";

const TOP = 5;
const SIMILAR = 6;
const ITS_OWN = [0, 400, 413]; // status where the file itself is wrong, so that to send it again would not help

/** What the page gives each card. models: a `Models`; say(text): to screen readers; changed(): something to count;
 * removed(card); isAlone(): whether there is no other card.
 */
export class Card {
  constructor(file, page) {
    this.state = "waiting"; // asking, answered, refused (final), failed (may be tried again)
    this.name = file.name || "photo";
    this._file = file;
    this._page = page;
    this._request = new AbortController();
    this._heat = new Map(); // label → object URL
    this._preview = URL.createObjectURL(file);
    this._build();
  }

  _build() {
    this._photo = el("img", { alt: `Your photo ${this.name}`, loading: "lazy", decoding: "async", src: this._preview });
    this._photo.addEventListener("error", () => this._showPlaceholder());
    this._frame = el("div", { class: "frame" }, this._photo);
    this._legend = el("p", { class: "legend", hidden: true });
    this._said = el("div");
    this._more = el("div", { class: "more" });
    const remove = el("button", { type: "button", class: "remove", "aria-label": `Remove ${this.name}` }, "×");
    remove.addEventListener("click", () => this._page.removed(this));
    this.element = el(
      "li",
      { class: "card", tabindex: "-1", "aria-label": this.name },
      el("div", { class: "inside" },
        el("div", { class: "picture" }, this._frame, this._legend),
        el("div", { class: "text" },
          el("div", { class: "file" }, el("h3", { class: "name", title: this.name }, this.name), remove),
          this._said),
        this._more),
    );
    this._wait();
  }

  /** Its place among the photos to be asked, now or again. */
  ask() {
    this._request.abort();
    this._request = new AbortController();
    this._showPhoto();
    this._forgetHeat();
    this._wait();
    const { signal } = this._request;
    const { maxBody } = this._page.models;
    if (this._file.size > maxBody) {
      const has = megabytes(this._file.size, Math.ceil);
      this._refuse(`This photo has ${has}. The server takes photos up to ${megabytes(maxBody, Math.floor)}.`);
      return;
    }
    inTurn(() => this._askNow(signal)).catch((error) => {
      if (!signal.aborted) this._fail(error);
    });
  }

  _wait() {
    this._become("waiting", el("p", { class: "answer pending" }, "In line…"));
  }

  get mayTryAgain() {
    return this.state === "failed";
  }

  dispose() {
    this._request.abort();
    this._forgetHeat();
    URL.revokeObjectURL(this._preview);
    this.element.remove();
  }

  async _askNow(signal) {
    signal.throwIfAborted();
    const { models } = this._page;
    const { model, version } = models.chosen;
    const similar = models.find(model, version)?.similar ? SIMILAR : 0;
    const query = new URLSearchParams({ model, top: TOP, similar });
    if (version !== null) query.set("version", version);
    this._become("asking", el("p", { class: "answer pending" }, "Looking…"));
    const body = await this._bytes();
    const start = performance.now();
    const answer = await (await ask(`predict?${query}`, { body, signal, onPause: (s) => this._showPause(s) })).json();
    await this._page.sawVersion(answer.model, answer.version);
    signal.throwIfAborted();
    this._show(answer, (performance.now() - start) / 1000);
  }

  /** Read when it is sent, so that many photos do not fill the memory. */
  async _bytes() {
    try {
      return await this._file.arrayBuffer();
    } catch {
      throw new Refused("it cannot be read from your device (a folder, or a file that has changed?)", 0, null);
    }
  }

  _become(state, ...contents) {
    this.state = state;
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "waiting" || state === "asking"));
    this._said.replaceChildren(...contents);
    this._more.replaceChildren();
    this._page.changed();
  }

  // The answer.

  _show({ model, version, predictions: [item] }, seconds) {
    this._answer = { ...item, model, version };
    const facts = this._page.models.find(model, version);
    const by = this._page.models.several ? `by ${model}, version ${version}, ` : "";
    this._become(
      item.unsure ? "unsure" : "answered",
      largeAnswer(item),
      ...whyUnsure(item, facts?.unsure?.threshold),
      bars(item.top),
      this._actions(item, facts?.labels ?? []),
      el("p", { class: "note by" }, `answered ${by}in ${seconds.toFixed(seconds < 0.095 ? 2 : 1)} s`),
    );
    this._more.replaceChildren(...similarPhotos(item.similar ?? [], this._page.isAlone()));
    this._page.say(`${this.name}: ${item.words}, ${percent(item.probability)}`);
  }

  _actions(item, labels) {
    this._why = el("button", { type: "button", class: "quiet" }, "Why?");
    this._why.addEventListener("click", () => this._toggleHeat());
    const actions = el("div", { class: "actions" }, this._why);
    if (!item.id) return actions;
    const form = correction(item.id, labels, this._page.say);
    const wrong = el("button", { type: "button", class: "quiet", "aria-expanded": "false" }, "Wrong? It is …");
    wrong.addEventListener("click", () => {
      show(form, form.hidden);
      wrong.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) form.querySelector("button, input").focus();
    });
    actions.append(wrong, form);
    return actions;
  }

  // What went wrong.

  _fail(error) {
    if (error instanceof Unreachable) {
      this._offer(error.message);
    } else if (!(error instanceof Refused)) {
      console.error(error);
      this._offer("The answer cannot be read.");
    } else if (ITS_OWN.includes(error.status)) {
      this._refuse(sentence(error.message));
    } else {
      const known = error.status >= 500 && error.id ? [el("p", { class: "path" }, `request ${error.id}`)] : [];
      this._offer("No answer", el("p", {}, sentence(error.message)), ...known);
      if (error.status === 404) this._page.look(); // a version that is gone?
    }
  }

  /** Final. */
  _refuse(message) {
    this._become("refused", el("p", { class: "answer problem" }, "No answer for this file"), el("p", {}, message));
    this._page.say(`${this.name}: ${message}`);
  }

  /** To try again. */
  _offer(message, ...more) {
    const again = el("button", { type: "button", class: "strong" }, "Try again");
    again.addEventListener("click", () => this.tryAgain());
    const problem = el("p", { class: "answer problem" }, message);
    this._become("failed", problem, ...more, el("p", { class: "actions" }, again));
    this._page.say(`${this.name}: ${message}`);
  }

  tryAgain() {
    this.element.focus(); // the button goes
    this.ask();
  }

  _showPause(seconds) {
    this._said.replaceChildren(
      el("p", { class: "answer pending" }, "Busy…"),
      el("p", {}, `The server has much to do. Trying again in ${counted(Math.ceil(seconds), "second")}.`),
    );
  }

  // The picture: the photo, or the heat map of a class.

  _showPlaceholder() {
    this._photo = el("p", { class: "placeholder" }, el("span", {}, "No preview"), ` ${this.name}`);
    if (!this._heatImage) this._showPhoto();
  }

  _showPhoto() {
    this._heatImage = null;
    this._frame.replaceChildren(this._photo);
    this._frame.classList.toggle("blank", this._photo.tagName === "P");
    show(this._legend, false);
    if (this._why) this._why.textContent = "Why?";
  }

  _toggleHeat() {
    if (this._heatImage) this._showPhoto();
    else this._showHeat(this._answer.label);
  }

  async _showHeat(label) {
    const { signal } = this._request;
    const why = this._why;
    if (why.getAttribute("aria-busy") === "true") return;
    why.setAttribute("aria-busy", "true");
    why.textContent = "Looking…";
    try {
      const url = await this._heatOf(label, signal);
      if (signal.aborted) return;
      this._heatImage = el("img", { alt: `Heat map of ${this.name}: red is what speaks for ${label}`, src: url });
      this._frame.replaceChildren(this._heatImage);
      this._frame.classList.remove("blank");
      this._showLegend(label);
      why.textContent = "Back to photo";
      this._page.say(`${this.name}: the heat map is shown`);
    } catch (error) {
      if (signal.aborted) return;
      why.textContent = "Why?";
      this._legend.replaceChildren(`No heat map: ${sentence(error.message)}`);
      show(this._legend, true);
      this._page.say(`${this.name}: no heat map. ${error.message}`);
    } finally {
      why.removeAttribute("aria-busy");
    }
  }

  async _heatOf(label, signal) {
    if (!this._heat.has(label)) {
      const { model, version } = this._answer;
      const query = new URLSearchParams({ model, version, label });
      const work = async () => ask(`explain?${query}`, { body: await this._bytes(), signal });
      const response = await inTurn(work, { first: true });
      this._heat.set(label, URL.createObjectURL(await response.blob()));
    }
    return this._heat.get(label);
  }

  _showLegend(label) {
    const labels = this._answer.top.map((one) => one.label);
    const options = labels.map((one) => el("option", { value: one, selected: one === label }, one));
    const select = el("select", {}, ...options);
    select.addEventListener("change", async () => {
      await this._showHeat(select.value);
      this._legend.querySelector("select")?.focus();
    });
    this._legend.replaceChildren(el("label", {}, "Red is what speaks for ", select));
    show(this._legend, true);
  }

  _forgetHeat() {
    for (const url of this._heat.values()) URL.revokeObjectURL(url);
    this._heat.clear();
  }
}
