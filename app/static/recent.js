/** Recent readings, side by side, in this tab's memory only. */

import { newCanvas } from "./drawing.js";

/** Most readings kept; the oldest go first. */
const MOST = 12;

/** Side of a thumbnail, in pixels. */
const SIDE = 160;

/**
 * What is read: a drawing or a picture from outside.
 * @typedef {object} Subject
 * @property {import("./drawing.js").Stroke[] | null} strokes of a drawing
 * @property {Blob | null} picture of a picture from outside
 * @property {HTMLCanvasElement | null} preview what can be shown of it
 * @property {boolean} whole whether it is read as a whole number
 */

/** The shelf of recent readings. */
export class Recent {
  /** @type {Map<Subject, HTMLLIElement>} */
  #items = new Map();
  #section = document.getElementById("recent-section");
  #shelf = document.getElementById("recent");
  #restore;

  /** @param {(subject: Subject) => void} restore brings a reading back */
  constructor(restore) {
    this.#restore = restore;
  }

  /**
   * Put a reading on the shelf, or replace what it says of the same subject.
   * @param {Subject} subject
   * @param {import("./words.js").Words & {digit: string}} words
   * @param {string} sure the confidence in words
   */
  put(subject, words, sure) {
    const item = this.#items.get(subject) ?? this.#newItem(subject);
    const [button] = item.children;
    const [thumbnail, caption] = button.children;
    paintThumbnail(thumbnail, subject.preview);
    const read = document.createElement("span");
    read.className = "read";
    read.textContent = words.digit || "none";
    caption.replaceChildren(read, words.digit ? sure : `no ${subject.whole ? "number" : "digit"}`);
    button.setAttribute("aria-label", `${words.headline} ${words.digit ? sure : ""} Show again.`);
    this.#section.hidden = false;
  }

  #newItem(subject) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const caption = document.createElement("span");
    button.type = "button";
    caption.className = "caption";
    button.append(newCanvas(SIDE), caption);
    button.addEventListener("click", () => this.#restore(subject));
    item.append(button);
    this.#shelf.prepend(item);
    this.#items.set(subject, item);
    if (this.#items.size > MOST) {
      const [oldest] = this.#items.keys();
      this.#items.get(oldest).remove();
      this.#items.delete(oldest);
    }
    return item;
  }
}

function paintThumbnail(canvas, preview) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#d8dae0";
  context.fillRect(0, 0, SIDE, SIDE);
  if (!preview) return;
  const scale = SIDE / Math.max(preview.width, preview.height);
  const [width, height] = [preview.width * scale, preview.height * scale];
  context.imageSmoothingQuality = "high";
  context.drawImage(preview, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
}
