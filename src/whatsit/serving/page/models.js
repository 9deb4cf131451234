// Which models and versions answer here, which of them is asked, and what there is to say of it.

import { Refused, ask } from "./ask.js";
import { byId, counted, el, listed, outOf100, percent, show } from "./dom.js";

const LONGEST_QUESTION = 44; // characters of class names that fit a headline
const MOST_LISTED = 16; // classes; beyond, they fold
const LOADING = { pause: 1000, tries: 60 }; // milliseconds between looks while the server loads its models

export class Models {
  /** onChange: called when another model or version is to answer. */
  constructor(onChange) {
    this.keeps = false;
    this.maxBody = Infinity; // bytes
    this._models = [];
    this._chosen = { model: null, version: null }; // version null: the default, whichever that is
    this._onChange = onChange;
    const form = byId("choices");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.elements.model.addEventListener("change", (event) => this._choose(event.target.value, null));
    form.elements.version.addEventListener("change", (event) =>
      this._choose(this._chosen.model, Number(event.target.value)),
    );
  }

  /** Asks the server what there is, and shows it; waits while it loads. Throws what `ask` throws. */
  async load(onWait) {
    for (let tries = 1; ; tries += 1) {
      const told = await (await ask("models")).json();
      this.keeps = told.keeps;
      this.maxBody = told.limits.max_body;
      this._models = told.models.filter((model) => model.versions.length > 0);
      if (this._models.length > 0) break;
      if (tries >= LOADING.tries) throw new Refused("no model is ready here", 503, null);
      onWait();
      await new Promise((resolve) => setTimeout(resolve, LOADING.pause));
    }
    const { model, version } = this._chosen;
    if (!this.find(model, version)) this._chosen = { model: this._models[0].name, version: null };
    this._show();
  }

  /** The model's name and version to ask for; version null: the default. */
  get chosen() {
    const { model, version } = this._chosen;
    const named = this._model(model);
    return { model, version: version ?? (named && !("default" in named.aliases) ? this._current().version : null) };
  }

  /** What the server says of a version; version null: of the default. */
  find(model, version) {
    const named = this._model(model);
    if (!named) return undefined;
    const number = version ?? named.aliases.default ?? named.versions.at(-1).version;
    return named.versions.find((one) => one.version === number);
  }

  get several() {
    return this._models.length > 1 || this._models.some((model) => model.versions.length > 1);
  }

  _model(name) {
    return this._models.find((model) => model.name === name);
  }

  _current() {
    return this.find(this._chosen.model, this._chosen.version);
  }

  _choose(model, version) {
    const isDefault = this._model(model).aliases.default === version;
    this._chosen = { model, version: isDefault ? null : version };
    this._show();
    this._onChange();
  }

  _show() {
    const { model } = this._chosen;
    const current = this._current();
    this._showChoices(current);
    showClasses(current.labels);
    showQuality(current);
    showFailed(this._model(model));
    const facts = `${model} · version ${this.several ? named(current) : current.version}`;
    const made = madeOn(current.created);
    document.title = `${model} · whatsit`;
    byId("which").textContent = facts;
    byId("about").textContent = made ? `${facts} · trained on ${made}` : facts;
    byId("stored").textContent = this.keeps
      ? "Photos that you send are kept on this server, so that the next version can learn from them."
      : "Photos go to this server alone, and nothing of them is stored.";
  }

  _showChoices(current) {
    const form = byId("choices");
    const models = this._models.map((model) => [model.name, model.name]);
    const versions = this._model(this._chosen.model).versions.map((one) => [one.version, named(one)]).reverse();
    fill(form.elements.model, models, this._chosen.model);
    fill(form.elements.version, versions, current.version);
    show(byId("choose-model"), models.length > 1);
    show(byId("choose-version"), versions.length > 1);
    show(form, models.length > 1 || versions.length > 1);
  }
}

/** "3 (default, best)" */
function named(version) {
  const aliases = version.aliases.length > 0 ? ` (${version.aliases.join(", ")})` : "";
  return `${version.version}${aliases}`;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value: String(value) }, text)));
  select.value = String(chosen);
}

function madeOn(created) {
  const date = new Date(created);
  if (Number.isNaN(date.getTime())) return "";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}

function showClasses(labels) {
  const short = labels.length <= 4 && labels.join("").length <= LONGEST_QUESTION;
  byId("question").textContent = short ? `${listed(labels, "or")}?` : "What is it?";
  byId("lead").textContent = short
    ? "Give it a photo: it says which it is, how sure it is, and why."
    : `Give it a photo: it says which of ${counted(labels.length, "class").replace(/classs$/, "classes")} ` +
      "it shows, how sure it is, and why.";
  const few = labels.length <= MOST_LISTED;
  byId("few").textContent = `${listed(labels)}.`;
  const [summary, text] = byId("many").children;
  summary.textContent = `The ${labels.length.toLocaleString("en")} classes`;
  text.textContent = few ? "" : labels.join(", ");
  show(byId("few"), few && !short);
  show(byId("many"), !few);
}

function showFailed(model) {
  const failed = Object.keys(model.failed);
  const note = byId("failed");
  const names = `version${failed.length === 1 ? "" : "s"} ${listed(failed)}`;
  note.textContent = `Not served, as the checks of this server failed: ${names}. Its log says why.`;
  show(note, failed.length > 0);
}

function showQuality(version) {
  const { n, accuracy } = version.metrics;
  const measured = n > 0 && typeof accuracy?.value === "number";
  byId("measured").textContent = measured ? tied(version.headline ?? headline(version)) : "How good it is on photos like yours was not measured.";
  byId("protocol").textContent = measured && version.protocol ? `Measured by: ${version.protocol}.` : "";
  byId("dots").replaceChildren(...(measured ? dots(accuracy.value) : []));
  byId("percentages").textContent = tied(version.percentages);
  const { threshold: least, reached, precision, held_out_precision: got } = version.unsure ?? {};
  show(byId("meaning"), measured);
  byId("unsure").textContent =
    "The photo is unlike those that it learned from" +
    (least > 0 ? `, or even its best class has less than ${percent(least)}.` : ".") +
    " Then a person should look." +
    (reached === false ? ` ${percent(precision)} of the other answers were to be right; it reached ${percent(got)}.` : "");
  show(byId("quality"), true);
}

/** Percent signs stay beside their numbers. */
function tied(text) {
  return text.replaceAll(" %", "\u00a0%");
}

function headline({ metrics: { n, accuracy }, protocol }) {
  const [value, low, high] = [accuracy.value, accuracy.low, accuracy.high].map(outOf100);
  const times = `it was right ${value} times out of 100 (95\u00a0% interval: ${low} to ${high}).`;
  return /cross-validation/.test(protocol ?? "")
    ? `Cross-validated on ${counted(n, "photo")}, each judged by a classifier that never saw it: ${times}`
    : `On ${counted(n, "photo")} that it never saw, ${times}`;
}

/** A hundred dots: so many of a hundred photos it has right. All are right only where that is true. */
function dots(share) {
  const right = share < 1 ? Math.min(Math.round(100 * share), 99) : 100;
  return Array.from({ length: 100 }, (_, i) => el("i", { class: i < right ? "right" : "wrong" }));
}
