// How figures, times and names are written.
const LOCALE = "en-US";
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });

export const count = (value) => (value >= 100000 ? compact.format(value) : whole.format(value));

// Dollars with the digits that say something: cents for dollars, more for fractions of a cent.
export function usd(value) {
  if (value === null || value === undefined) return "unknown";
  const size = Math.abs(value);
  if (size >= 100000) return `${value < 0 ? "−" : ""}$${compact.format(size)}`;
  const digits = size >= 1000 ? 0 : size >= 0.995 || size === 0 ? 2 : size >= 0.01 ? 3 : size >= 0.0001 ? 5 : 7;
  return `${value < 0 ? "−" : ""}$${new Intl.NumberFormat(LOCALE, { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits }).format(size)}`;
}

// What one request costs, always with the same digits, so that a column of them can be compared at a glance.
export const perRequest = (value) => (value === null || value === undefined ? "–" : `${value < 0 ? "−" : ""}$${Math.abs(value).toFixed(6)}`);

export const share = (value, digits = 0) =>
  value === null || value === undefined ? "–" : `${(value * 100).toFixed(digits)}\u00a0%`;

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${(value / 1000).toFixed(value >= 10000 ? 0 : 1)}\u00a0s` : `${Math.round(value)}\u00a0ms`;
}

export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - new Date(time).getTime()) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
export const clock = (time) => new Date(time).toLocaleTimeString(LOCALE, { ...CLOCK, second: "2-digit" });
export const stamp = (time) => new Date(time).toLocaleString(LOCALE, { ...CLOCK, year: "numeric", month: "short", day: "numeric" });

export function axisTime(time, stepSeconds) {
  const date = new Date(time);
  if (stepSeconds < 3 * 3600) return date.toLocaleTimeString(LOCALE, CLOCK);
  if (stepSeconds < 86400) return `${date.toLocaleDateString(LOCALE, { weekday: "short" })} ${date.toLocaleTimeString(LOCALE, CLOCK)}`;
  return date.toLocaleDateString(LOCALE, { month: "short", day: "numeric" });
}

// Makes an element; text is set as text, never as markup.
export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  const { text, className, ...attributes } = options;
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
