/* How figures and moments are written: one place, so that scripts and server agree. */

const NUMBER = new Intl.NumberFormat("en-GB");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function number(value) {
  return typeof value === "number" ? NUMBER.format(value) : String(value ?? "–");
}

/** `value` is 0 to 100. */
export function percent(value) {
  return typeof value === "number" ? `${value.toFixed(1)}%` : "–";
}

/** Seconds as people say them: "about 3 min", "1 h 20 min". */
export function duration(seconds) {
  if (typeof seconds !== "number") return "–";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 1440)} days`;
}

export function clock(iso) {
  return iso ? TIME.format(new Date(iso)) : "–";
}

/** "12 s ago", "4 min ago", "in 2 h"; a date when it is more than a day away. */
export function relative(iso, now = Date.now()) {
  const seconds = Math.round((now - new Date(iso).getTime()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  if (size >= 86400) return DAY.format(new Date(iso));
  const text = size < 60 ? `${size} s` : size < 3600 ? `${Math.floor(size / 60)} min` : `${Math.floor(size / 3600)} h`;
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

export const FORMATS = { number, percent, duration, clock, relative, text: (value) => String(value ?? "") };
