// The page: photos in, a card for each. What a card does is in card.js, how the server is asked in ask.js, which
// model answers in models.js.

import { askForKeyWith } from "./ask.js";
import { Card } from "./card.js";
import { byId, counted, sentence, show } from "./dom.js";
import { Models } from "./models.js";

const PRINTABLE = /^[\x21-\x7e]+$/; // what a header can carry
const TOGETHER = 400; // milliseconds in which answers are announced as one

const cards = []; // as they are shown
let ready = false; // whether it is known which models answer

const models = new Models(() => cards.forEach((card) => card.ask()));

const page = { models, say, changed: count, removed: remove, look, sawVersion, isAlone: () => cards.length === 1 };

// Which models there are.

async function start() {
  show(byId("notice"), false);
  try {
    await models.load(() => tell("The server is loading its model…", false));
    show(byId("notice"), false);
    ready = true;
    cards.forEach((card) => card.ask());
  } catch (error) {
    tell(sentence(error.message), true);
  }
}

/** A version that answered and is not known here: the server has a new one since this page was opened. */
async function sawVersion(model, version) {
  if (!models.find(model, version)) await look();
}

async function look() {
  try {
    await models.load(() => {});
  } catch {
    // what is shown stays; the next photo tells what is wrong
  }
}

document.addEventListener("visibilitychange", () => {
  if (ready && !document.hidden) look(); // who comes back to the page finds what answers now
});

function tell(text, again) {
  const notice = byId("notice");
  notice.querySelector("span").textContent = text;
  show(notice.querySelector("button"), again);
  show(notice, true);
}

// Photos in: chosen, taken, dropped, pasted.

function add(files) {
  const added = [...files].map((file) => new Card(file, page));
  if (added.length === 0) return;
  if (ready) show(byId("notice"), false);
  cards.unshift(...added);
  byId("cards").prepend(...added.map((card) => card.element));
  show(byId("answers"), true);
  document.body.classList.add("has-photos");
  if (ready) added.forEach((card) => card.ask());
  count();
  if (added[0].element.getBoundingClientRect().bottom > innerHeight) byId("answers").scrollIntoView();
}

show(byId("photograph"), navigator.maxTouchPoints > 0);
show(byId("hint"), !matchMedia("(hover: none)").matches);

for (const [button, input] of [["choose", "files"], ["photograph", "camera"]]) {
  byId(button).addEventListener("click", () => byId(input).click());
  byId(input).addEventListener("change", ({ target }) => {
    add(target.files);
    target.value = ""; // so that the same photo can be chosen again
  });
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("dragover", (event) => {
  event.preventDefault(); // anywhere: a photo that misses must not replace the page
  document.body.classList.toggle("dropping", Boolean(hasFiles(event)));
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length > 0) add(event.dataTransfer.files);
  else tell("There was no photo in what you dropped. Save the photo first, then drop the file.", false);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) {
    event.preventDefault();
    add(event.clipboardData.files);
  } else if (!event.target.closest?.("input")) {
    tell("There was no photo in what you pasted. Copy a photo itself, not its address.", false);
  }
});

// The cards together.

function count() {
  const inState = (...states) => cards.filter((card) => states.includes(card.state)).length;
  const unsure = inState("unsure");
  const failed = inState("refused", "failed");
  const also = [unsure > 0 && `${unsure} unsure`, failed > 0 && `${failed} without an answer`];
  byId("count").textContent = `${inState("answered") + unsure} of ${cards.length} answered`;
  byId("without").textContent = also.filter(Boolean).join(", ");
  const again = cards.filter((card) => card.mayTryAgain).length;
  byId("again").textContent = `Try ${counted(again, "photo")} again`;
  show(byId("again"), again > 1);
}

function remove(card) {
  const place = cards.indexOf(card);
  cards.splice(place, 1);
  card.dispose();
  const next = cards[Math.min(place, cards.length - 1)];
  if (next) next.element.focus();
  else empty();
  count();
}

function empty() {
  show(byId("answers"), false);
  document.body.classList.remove("has-photos");
  byId("choose").focus();
}

byId("clear").addEventListener("click", () => {
  cards.splice(0).forEach((card) => card.dispose());
  empty();
});
byId("again").addEventListener("click", () => {
  byId("answers").focus();
  cards.filter((card) => card.mayTryAgain).forEach((card) => card.ask());
});
byId("notice").querySelector("button").addEventListener("click", start);

// To screen readers: what comes at about the same time is said in one go.

const news = [];

function say(text) {
  if (news.push(text) === 1) {
    setTimeout(() => {
      byId("announcer").textContent = news.splice(0).map((one) => one.replace(/\.$/, "")).join(". ");
    }, TOGETHER);
  }
}

// The key.

askForKeyWith((wasWrong) => {
  const form = byId("key");
  const input = byId("key-text");
  const problem = byId("key-problem");
  problem.textContent = "That is not the key. Try again.";
  show(problem, wasWrong);
  show(form, true);
  show(byId("give"), false);
  input.value = "";
  input.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const given = input.value.trim();
      if (!PRINTABLE.test(given)) {
        problem.textContent = "A key has letters, digits and signs of English alone. Look again.";
        show(problem, true);
        return;
      }
      show(form, false);
      show(byId("give"), true);
      byId("choose").focus();
      resolve(given);
    };
  });
});

start();
