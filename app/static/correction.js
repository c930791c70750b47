/** Offers to say what a picture really shows, where the service takes corrections. */

import { problemWords } from "./words.js";

/** What the service knows, and what the page calls it. */
const LABELS = [...Array.from({ length: 10 }, (_, digit) => [String(digit), String(digit)]), ["not_a_digit", "No digit"]];

/** The page's element of an id. @param {string} id */
const element = (id) => document.getElementById(id);

/** The offer below the answer. */
export class Correction {
  #days = document.body.dataset.feedbackDays;
  /** What was read. @type {Blob | Promise<Blob> | null} */
  #picture = null;

  constructor() {
    if (!this.#days) return;
    element("correction-words").textContent =
      "Pick what it shows. The picture is sent once more; the 28 by 28 pixels that the model saw, its answer and your " +
      `choice are kept for ${this.#days} days, to be learnt from if a person agrees. Nothing else is kept.`;
    element("labels").append(
      ...LABELS.map(([label, name]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = name;
        button.addEventListener("click", () => this.#send(label));
        return button;
      }),
    );
  }

  /** Offer it for what has just been read. @param {Blob | Promise<Blob>} picture */
  offer(picture) {
    this.withdraw();
    if (!this.#days) return;
    this.#picture = picture;
    element("correction").hidden = false;
  }

  /** There is nothing to correct. */
  withdraw() {
    this.#picture = null;
    element("correction").hidden = true;
    element("correction").open = false;
    element("labels").hidden = false;
    element("correction-status").textContent = "";
  }

  async #send(label) {
    const picture = this.#picture;
    element("labels").hidden = true;
    element("correction-status").textContent = "Sending ...";
    // The buttons are gone, and whoever came with the keyboard would be nowhere.
    element("correction").querySelector("summary").focus();
    const { words, passing } = await kept(picture, label);
    if (picture !== this.#picture) return;
    element("labels").hidden = !passing;
    element("correction-status").textContent = words;
  }
}

/** Send a correction. @returns {Promise<{words: string, passing: boolean}>} what to say, and whether to offer it again */
async function kept(picture, label) {
  try {
    const body = await picture;
    const headers = { "Content-Type": body.type.startsWith("image/") ? body.type : "application/octet-stream" };
    const response = await fetch(`feedback?label=${label}`, { method: "POST", body, headers });
    if (response.ok) return { words: "Thank you. It is kept.", passing: false };
    const { headline, sentence } = problemWords(await response.json());
    return { words: `${headline}. ${sentence}`, passing: true };
  } catch {
    const { headline } = problemWords({ code: navigator.onLine ? "unreachable" : "offline" });
    return { words: `${headline}. It was not kept; try again in a moment.`, passing: true };
  }
}
