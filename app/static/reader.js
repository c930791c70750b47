/** Asks the service. At most one request is under way: a newer picture takes the place of an older one. */

/** What the service answers while it cannot read: it is busy, or has read too much for one client. */
const BUSY = new Set([429, 503]);

/** Most tries of one picture while the service says that it is busy. */
const MOST_TRIES = 4;

/** Longest wait before another try that the page puts up with, in seconds, whatever the service asks for. */
const LONGEST_WAIT = 10;

/** Least time between two requests while a line is being drawn, in milliseconds. */
const PACE = 90;

/** While a line is being drawn a request may take this long, in milliseconds, before a newer one takes its place. */
const PATIENCE = 400;

/** What the service or the network has against a picture. */
export class Problem extends Error {
  /**
   * @param {string} code the service's, or `offline` or `unreachable`
   * @param {string} [detail]
   */
  constructor(code, detail = "") {
    super(detail);
    this.code = code;
    this.detail = detail;
  }
}

/** Reads pictures, the newest only. */
export class Reader {
  #controller = null;
  #started = 0;
  #timer = 0;
  #report;

  /** @param {(tries: number, most: number, seconds: number) => void} report told of each wait for a busy service */
  constructor(report) {
    this.#report = report;
  }

  /**
   * Read a picture that is still changing: soon, and not more often than the pace. Further calls until then add nothing.
   * @param {() => void} work calls `read`
   */
  soon(work) {
    if (this.#timer) return;
    const age = performance.now() - this.#started;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      // Were each answer overtaken by the next question, none would be seen before the pen rests.
      const worthWaiting = this.#controller && performance.now() - this.#started < PATIENCE;
      if (worthWaiting) this.soon(work);
      else work();
    }, Math.max(PACE - age, this.#controller ? PACE : 0));
  }

  /** Forget what is under way. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#controller?.abort();
    this.#controller = null;
  }

  /**
   * Ask what one picture shows.
   * @param {Blob | Promise<Blob>} picture
   * @param {string} route of the service, relative to the page
   * @returns {Promise<object | null>} the reading; null if a newer picture took this one's place
   * @throws {Problem}
   */
  async read(picture, route) {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    this.#started = performance.now();
    try {
      return await this.#ask(await picture, route, controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return null;
      throw error;
    } finally {
      if (this.#controller === controller) this.#controller = null;
    }
  }

  async #ask(picture, route, signal) {
    for (let tries = 1; ; tries += 1) {
      const response = await send(picture, route, signal);
      if (response.ok) {
        const reading = await response.json();
        return signal.aborted ? null : reading;
      }
      const problem = await problemOf(response);
      signal.throwIfAborted();
      if (!BUSY.has(response.status) || tries === MOST_TRIES) throw problem;
      const seconds = waitOf(response, tries);
      this.#report(tries, MOST_TRIES, seconds);
      await pause(seconds, signal);
    }
  }
}

async function send(picture, route, signal) {
  signal.throwIfAborted();
  const headers = { "Content-Type": picture.type.startsWith("image/") ? picture.type : "application/octet-stream" };
  try {
    return await fetch(route, { method: "POST", body: picture, headers, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new Problem(navigator.onLine ? "unreachable" : "offline", String(error));
  }
}

async function problemOf(response) {
  try {
    const { code, detail } = await response.json();
    return new Problem(code, detail);
  } catch {
    return new Problem(response.status === 503 ? "overloaded" : "unreachable");
  }
}

/** Seconds to wait: what the service asks for, and each time a little more, so that not all come back at once. */
function waitOf(response, tries) {
  const asked = Number(response.headers.get("Retry-After")) || 1;
  return Math.min(asked, LONGEST_WAIT) + (tries - 1) * Math.random() * 0.5;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
