// What an answer looks like, part by part. Knows nothing of cards, nor of the server.

import { el, percent, quoted } from "./dom.js";

const CLOSE = 0.5; // the second class has at least so much of the first's probability: two are close
const LONG = 28; // characters of a class's name that fit large letters

/** "very likely" and, larger, "cat". */
export function largeAnswer({ words, label, unsure, familiar }) {
  if (unsure && !familiar) return el("p", { class: "answer" }, "unsure");
  const how = words.endsWith(label) ? words.slice(0, -label.length) : "";
  const size = label.length > LONG ? "answer long" : "answer";
  return how ? el("p", { class: size }, el("span", {}, how), el("strong", {}, label)) : el("p", { class: size }, words);
}

export function whyUnsure({ unsure, familiar, reason, top }, threshold) {
  if (!unsure) return [];
  const [first, second] = top;
  let why;
  if (!familiar) {
    why = `This photo is unlike those that it learned from. The closest of its classes is ${quoted(first.label)}.`;
    if (reason.startsWith("probability")) why += ` And even that one has only ${percent(first.probability)}.`;
  } else if (second && second.probability >= CLOSE * first.probability) {
    why = `Two classes are close: ${quoted(first.label)} and ${quoted(second.label)}.`;
  } else {
    why = `No class stands out: even ${quoted(first.label)} has only ${percent(first.probability)}.`;
  }
  const limit = familiar && threshold ? ` It answers from ${percent(threshold)} on.` : "";
  return [el("p", { class: "why" }, why + limit)];
}

/** A table, so that it can be read without seeing the bars. */
export function bars(top) {
  const rows = top.map(({ label, probability }) => {
    const bar = el("i");
    bar.style.width = `${100 * probability}%`;
    return el("tr", {},
      el("th", { scope: "row", title: label }, el("span", {}, label)),
      el("td", { class: "bar", "aria-hidden": "true" }, el("span", {}, bar)),
      el("td", { class: "n" }, percent(probability)));
  });
  return el("table", { class: "bars", "aria-label": "How probable each class is" }, el("tbody", {}, ...rows));
}

/** The training photos most similar to this one, folded unless `open`. */
export function similarPhotos(photos, open) {
  if (photos.length === 0) return [];
  const items = photos.map(({ label, similarity, thumbnail }) =>
    el("li", {},
      el("img", { src: thumbnail, alt: `Training photo of ${label}`, loading: "lazy" }),
      el("span", { class: "name", title: label }, label), el("span", { class: "soft n" }, similarity.toFixed(2))),
  );
  return [
    el("details", { class: "similar", open },
      el("summary", {}, "Similar photos it learned from"),
      el("ul", {}, ...items),
      el("p", { class: "note" }, "The figure says how similar: 1.00 would be the same photo.")),
  ];
}
