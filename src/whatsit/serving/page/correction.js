// "Wrong? It is …": a person says what a photo really shows.

import { ask } from "./ask.js";
import { el, quoted, sentence, show } from "./dom.js";

const MOST_BUTTONS = 8; // classes; beyond, they are suggestions to what is typed

let made = 0; // forms, for ids of their own

/** The form, hidden. identity: of the prediction; say(text): to screen readers. */
export function correction(identity, labels, say) {
  made += 1;
  const few = labels.length <= MOST_BUTTONS;
  const list = `classes-${made}`;
  const other = el("input", { type: "text", name: "other", maxlength: 200, autocomplete: "off", list: !few && list });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const form = el("form", { class: "correction", hidden: true });
  const chips = labels.map((label) => el("button", { type: "button", class: "chip", click: () => send(label) }, label));
  const question = el("fieldset", {},
    el("legend", {}, "What does it really show?"),
    few ? el("div", { class: "chips" }, ...chips) : suggestions(list, labels),
    el("label", { class: "other" }, el("span", {}, few ? "Something else" : "A class, or something else"), other),
    el("button", { class: "quiet" }, "Send"),
    problem);
  form.append(question);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (other.value.trim()) send(other.value.trim());
    else other.focus();
  });
  return form;

  async function send(label) {
    question.disabled = true;
    show(problem, false);
    try {
      await ask("feedback", { json: { id: identity, label } });
      thank(label);
    } catch (error) {
      question.disabled = false;
      problem.textContent = sentence(error.message);
      show(problem, true);
    }
  }

  function thank(label) {
    const change = el("button", { type: "button", class: "quiet" }, "Change");
    const thanks = el("p", { class: "thanks", tabindex: "-1" }, `Thank you! Noted: ${quoted(label)}. `, change);
    change.addEventListener("click", () => {
      question.disabled = false;
      form.replaceChildren(question);
      question.querySelector("button, input").focus();
    });
    form.replaceChildren(thanks);
    thanks.focus();
    say(`Thank you! Noted: ${label}`);
  }
}

function suggestions(id, labels) {
  return el("datalist", { id }, ...labels.map((label) => el("option", { value: label })));
}
