// Asking the server: the key where it wants one, patience where it is busy, plain words where it cannot be reached.
// A few requests at once, in order. Knows nothing of the page.

const MOST_AT_ONCE = 4;
const PATIENCE = 60; // seconds for one answer
const LONGEST_PAUSE = 10; // seconds, whatever Retry-After says
const TRIES = { 429: 10, 503: 3 }; // status → how often it is asked in all
const KEY = "whatsit-key";

/** The server answered, and that is no. */
export class Refused extends Error {
  constructor(message, status, id) {
    super(message);
    this.status = status;
    this.id = id; // of the request, by which the server's log knows it
  }
}

/** There was no answer. */
export class Unreachable extends Error {}

/** The answer, a Response; waits for a key and for a busy server. Throws Refused, Unreachable, or the signal's reason.
 *
 * onPause: told the seconds before each further try.
 */
export async function ask(path, { body, json, signal, onPause } = {}) {
  for (let tries = 1; ; tries += 1) {
    const used = key;
    const response = await send(path, json === undefined ? body : JSON.stringify(json), used, signal);
    if (response.ok) return response;
    if (response.status === 401) {
      await keyAfter(used);
      signal?.throwIfAborted();
      tries = 0;
    } else if (tries < (TRIES[response.status] ?? 1)) {
      const seconds = Math.min(Number(response.headers.get("retry-after")) || 1, LONGEST_PAUSE);
      onPause?.(seconds);
      await pause(seconds, signal);
    } else {
      throw new Refused(await reason(response), response.status, response.headers.get("x-request-id"));
    }
  }
}

async function send(path, body, used, signal) {
  const late = new AbortController();
  const abort = () => late.abort(signal.reason);
  const timer = setTimeout(() => late.abort(), PATIENCE * 1000);
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    const response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: used === null ? {} : { Authorization: `Bearer ${used}` },
      body,
      signal: late.signal,
    });
    const whole = await response.blob(); // a connection can break in the middle
    return new Response(whole, { status: response.status, headers: response.headers });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(late.signal.aborted ? "The server does not answer." : "The server cannot be reached.");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function reason(response) {
  try {
    const { error } = await response.json();
    if (typeof error === "string" && error) return error;
  } catch {
    // no JSON: perhaps a proxy's page
  }
  return `the server answered with status ${response.status}`;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

// The key: kept for this tab alone, and asked for once, however many requests wait for it.

let key = remembered();
let asking = null;
let askPerson = () => Promise.reject(new Error("nobody to ask"));

/** person: (whether the last one was wrong) → a promise of the key. */
export function askForKeyWith(person) {
  askPerson = person;
}

function keyAfter(used) {
  if (key !== used) return undefined; // given meanwhile
  remember(null);
  asking ??= askPerson(used !== null).then((given) => {
    asking = null;
    key = given;
    remember(given);
  });
  return asking;
}

function remembered() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // a browser that stores nothing
  }
}

function remember(given) {
  try {
    if (given === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, given);
  } catch {
    // it is asked for again after a reload
  }
}

// The line.

const line = [];
let running = 0;

/** Runs `work` when it is its turn; `first`: before all that wait. Its result. */
export function inTurn(work, { first = false } = {}) {
  return new Promise((resolve, reject) => {
    const job = () => work().then(resolve, reject);
    if (first) line.unshift(job);
    else line.push(job);
    next();
  });
}

function next() {
  if (running >= MOST_AT_ONCE || line.length === 0) return;
  running += 1;
  line.shift()().finally(() => {
    running -= 1;
    next();
  });
}
