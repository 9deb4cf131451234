// Elements made by hand: what is a text stays a text, never markup. Figures and names as the page shows them.

export const byId = (id) => document.getElementById(id);

/** A new element; attributes that are true are set without a value, those that are false or null left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

export function show(element, visible) {
  element.hidden = !visible;
}

/** A probability in [0, 1] in percent; never 100 or 0, since it is never quite sure. */
export function percent(share) {
  if (share > 0.9995) return "> 99.9\u00a0%";
  if (share < 0.0005) return "< 0.1\u00a0%";
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

/** A share in [0, 1] as a number out of 100; 100 and 0 only where they are true. */
export function outOf100(share) {
  for (const digits of [0, 1]) {
    const text = (100 * share).toFixed(digits);
    if (share === 0 || share === 1 || (Number(text) > 0 && Number(text) < 100)) return text;
  }
  return share > 0.5 ? "99.9" : "0.1";
}

export const quoted = (name) => `“${name}”`;

/** "a, b and c" */
export function listed(names, last = "and") {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${last} ${names.at(-1)}`;
}

export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** Bytes in megabytes, for people. */
export const megabytes = (bytes, round) => `${(round(bytes / 1024 ** 2 * 10) / 10).toLocaleString("en")} MB`;

export function sentence(text) {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
