/*
 * A file on its way in parts: three at a time, each sent again until it has arrived. The server says
 * where each part is PUT, so a bucket elsewhere and our own server are the same to this code.
 *
 * Nothing is lost when the line breaks, the page is closed or the server is restarted: what has
 * arrived is asked for again, and only the rest is sent.
 */

const AT_ONCE = 3;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15000;
/* Sent again and again to the same refusal: then it is not the line. */
const MOST_REFUSALS = 6;

/** What the server said when it refused; `status` 0: it did not answer. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Ask our own server: JSON there and back. Raises Refusal. */
export async function ask(url, token, body = {}) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "The connection is lost.");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, said.detail || "That did not work. Please try again.");
  return said;
}

export class Transfer {
  /** `hooks`: renew() → offer; moved(bytes); waiting(bool). */
  constructor(file, offer, hooks) {
    this.file = file;
    this.hooks = hooks;
    this.going = new Map();
    this.stopped = false;
    this.take(offer);
  }

  take(offer) {
    this.offer = offer;
    this.arrived = new Map(offer.parts.map((number) => [number, this.slice(number).size]));
    this.waiting = Object.keys(offer.urls).map(Number);
  }

  slice(number) {
    const begin = (number - 1) * this.offer.part_size;
    return this.file.slice(begin, begin + this.offer.part_size);
  }

  /** Bytes that have arrived, and those of the parts under way. */
  get sent() {
    let sum = 0;
    for (const bytes of this.arrived.values()) sum += bytes;
    for (const one of this.going.values()) sum += one.sent;
    return sum;
  }

  /** Resolves when every part has arrived; false when it was stopped before. Raises Refusal. */
  async run() {
    const lines = Array.from({ length: AT_ONCE }, () => this.line());
    try {
      await Promise.all(lines);
    } catch (refusal) {
      this.stop();
      throw refusal;
    }
    return !this.stopped;
  }

  stop() {
    this.stopped = true;
    for (const one of this.going.values()) one.request.abort();
    this.going.clear();
    this.wake?.();
  }

  async line() {
    while (!this.stopped && this.waiting.length) await this.send(this.waiting.shift());
  }

  async send(number) {
    for (let tries = 0; !this.stopped; tries += 1) {
      try {
        await this.put(number);
        this.arrived.set(number, this.slice(number).size);
        this.hooks.waiting(false);
        this.hooks.moved(this.sent);
        return;
      } catch (refusal) {
        if (this.stopped) return;
        await this.mend(number, refusal, tries);
      }
    }
  }

  /** What makes another try worth while; raises the refusal when nothing does. */
  async mend(number, refusal, tries) {
    this.hooks.moved(this.sent);
    const hopeless = refusal.status === 507 || (refusal.status && tries >= MOST_REFUSALS);
    if (hopeless) throw refusal;
    if (refusal.status !== 503) this.hooks.waiting(true);
    await this.pause(Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE) * (0.75 + Math.random() / 2));
    if ([403, 404, 409].includes(refusal.status)) await this.renew(number);
  }

  /** The address has expired, or the upload is over: the server knows. */
  async renew(number) {
    const offer = await this.hooks.renew();
    if (offer.urls[number]) this.offer.urls[number] = offer.urls[number];
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      const over = () => {
        clearTimeout(timer);
        window.removeEventListener("online", over);
        resolve();
      };
      const timer = setTimeout(over, milliseconds);
      window.addEventListener("online", over);
      this.wake = over;
    });
  }

  put(number) {
    const request = new XMLHttpRequest();
    const one = { request, sent: 0 };
    this.going.set(number, one);
    return new Promise((resolve, reject) => {
      request.open("PUT", this.offer.urls[number]);
      request.upload.addEventListener("progress", (event) => {
        one.sent = event.loaded;
        this.hooks.moved(this.sent);
      });
      request.addEventListener("load", () => {
        if (request.status >= 200 && request.status < 300) resolve();
        else reject(new Refusal(request.status, words(request)));
      });
      for (const type of ["error", "abort", "timeout"]) {
        request.addEventListener(type, () => reject(new Refusal(0, "The connection is lost.")));
      }
      request.send(this.slice(number));
    }).finally(() => {
      if (this.going.get(number) === one) this.going.delete(number);
    });
  }
}

function words(request) {
  try {
    return JSON.parse(request.responseText).detail || "The part was refused.";
  } catch {
    return `The storage refused the file (${request.status}).`;
  }
}
