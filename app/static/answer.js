/** Shows an answer: the digit or the number, the bars, the verdict, and the steps that led there. */

import { newCanvas } from "./drawing.js";
import { hideNumbers, showBoxes, showRows } from "./numbers.js";
import { answerWords, emptyWords, mayPass, numberWords, percent, problemWords, saliencyWords, stepWords } from "./words.js";

/** Longest side of the pictures in the section of the steps, in pixels. */
const ORIGINAL_SIDE = 480;

/** The page's element of an id. @param {string} id */
const element = (id) => document.getElementById(id);

/**
 * A list's items.
 * @param {HTMLElement} list
 * @param {string[]} sentences
 */
function fillList(list, sentences) {
  list.replaceChildren(
    ...sentences.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }),
  );
  list.hidden = sentences.length === 0;
}

/** The card of the answer and the section of the steps. */
export class Answer {
  #bars;
  #explanation = null;
  /** Counts what is shown, so that a picture that is decoded late does not replace a newer one. */
  #turn = 0;
  #whole = false;

  /**
   * @param {() => void} again asks for another try
   * @param {() => void} asNumber asks to read what is no digit as a whole number
   */
  constructor(again, asNumber) {
    this.#bars = Array.from({ length: 10 }, (_, digit) => {
      const row = document.createElement("li");
      for (const part of ["name", "track", "figure"]) {
        const span = document.createElement("span");
        span.className = part;
        row.append(span);
      }
      const fill = document.createElement("span");
      fill.className = "fill";
      row.children[0].textContent = digit;
      row.children[1].append(fill);
      return row;
    });
    element("bars").replaceChildren(...this.#bars);
    element("again").addEventListener("click", again);
    element("as-number").addEventListener("click", asNumber);
    element("saliency").addEventListener("change", () => this.#paintSeen());
    this.clear();
  }

  /** What is read from now on. @param {boolean} whole whether whole numbers */
  setWhole(whole) {
    this.#whole = whole;
    element("bars").hidden = whole;
    this.clear();
  }

  /** Nothing to show. */
  clear() {
    this.#turn += 1;
    this.#say({ state: "empty", digit: "", ...emptyWords(this.#whole), help: [] });
    this.#fillBars(null);
    element("status").textContent = "";
    element("steps").hidden = true;
  }

  /**
   * Show a reading.
   * @param {object} reading as the service gives it
   * @param {HTMLCanvasElement | null} preview the picture, if the browser could decode it
   * @param {boolean} forming whether the pen is still down
   */
  show(reading, preview, forming) {
    this.#turn += 1;
    const words = answerWords(reading, forming);
    this.#say(words);
    this.#fillBars(reading.probabilities, reading.digit);
    // A screen reader hears of it when the pen rests, not ten times a second.
    if (!forming) element("status").textContent = [words.headline, words.sentence, ...words.help].join(" ");
    element("steps").hidden = false;
    fillList(element("done"), stepWords(reading.preparation));
    paintOriginal(reading.preparation, preview);
    this.#explanation = reading.explanation;
    this.#paintSeen();
    element("as-number").hidden = words.state !== "none";
    return words;
  }

  /**
   * Show a reading of several digits.
   * @param {object} reading as the service gives it
   * @param {HTMLCanvasElement | null} preview the picture, if the browser could decode it
   * @param {boolean} forming whether the pen is still down
   */
  showNumbers(reading, preview, forming) {
    this.#turn += 1;
    const words = numberWords(reading, forming);
    this.#say({ ...words, digit: "" });
    showRows(reading.rows);
    // Boxes without the picture would say nothing, and under the pen they would be in its way.
    if (preview && !forming) showBoxes(reading);
    const rows = reading.rows.length > 1 && words.digit ? reading.rows.map((row) => `${row.text}.`) : [];
    if (!forming) element("status").textContent = [words.headline, ...rows, words.sentence, ...words.help].join(" ");
    return words;
  }

  /** Tell of a problem. @param {{code: string, detail?: string}} problem */
  fail(problem) {
    this.#turn += 1;
    const words = problemWords(problem);
    this.#say({ ...words, state: "problem", digit: "" });
    this.#fillBars(null);
    element("again").hidden = !mayPass(problem.code);
    element("status").textContent = [words.headline + ".", words.sentence, ...words.help].join(" ");
    element("steps").hidden = true;
  }

  /** Tell that something is being waited for. @param {string} headline @param {string} sentence */
  wait(headline, sentence) {
    this.#say({ state: "waiting", digit: "", headline, sentence, help: [] });
    element("status").textContent = `${headline}. ${sentence}`;
  }

  #say({ state, digit, headline, sentence, help }) {
    element("answer").dataset.state = state;
    element("digit").textContent = digit;
    element("headline").textContent = headline;
    element("sentence").textContent = sentence;
    element("again").hidden = element("as-number").hidden = true;
    hideNumbers();
    fillList(element("help"), help);
  }

  #fillBars(probabilities, best) {
    this.#bars.forEach((row, digit) => {
      const share = probabilities?.[digit] ?? 0;
      row.classList.toggle("best", probabilities !== null && digit === best);
      row.querySelector(".fill").style.setProperty("--share", share.toFixed(4));
      row.querySelector(".figure").textContent = probabilities ? percent(share) : "";
    });
  }

  async #paintSeen() {
    const turn = this.#turn;
    const explanation = this.#explanation;
    if (!explanation) return;
    const withMap = element("saliency").checked;
    const words = element("saliency-words");
    words.hidden = !withMap;
    words.textContent = withMap ? saliencyWords(explanation.saliency_peak_log_odds) : "";
    const [picture, map] = await Promise.all([pixelsOf(explanation.picture), pixelsOf(explanation.saliency)]);
    if (turn !== this.#turn || withMap !== element("saliency").checked) return;
    if (withMap) lay(map, picture);
    element("seen").getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
  }
}

/** The pixels of a PNG in base64. @param {string} base64 */
async function pixelsOf(base64) {
  const image = new Image();
  image.src = `data:image/png;base64,${base64}`;
  await image.decode();
  const canvas = newCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, image.width, image.height);
}

/** Lay a grey map over a picture, in orange; the picture is dimmed. @param {ImageData} map @param {ImageData} picture */
function lay(map, picture) {
  const orange = [255, 140, 40];
  for (let index = 0; index < picture.data.length; index += 4) {
    const weight = map.data[index] / 255;
    for (let channel = 0; channel < 3; channel += 1) {
      const grey = 0.5 * picture.data[index + channel];
      picture.data[index + channel] = grey + weight * (orange[channel] - grey);
    }
  }
}

/** The picture with a frame where the ink was found. */
function paintOriginal({ width, height, crop_box: box }, preview) {
  const canvas = element("original");
  const scale = ORIGINAL_SIDE / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#d8dae0";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (preview) context.drawImage(preview, 0, 0, canvas.width, canvas.height);
  const frame = [box.left, box.top, box.right - box.left, box.bottom - box.top].map((side) => side * scale);
  // Light around dark, so that the frame is seen on any ground.
  for (const [colour, line] of [["#ffffff", 9], ["#2552c4", 5]]) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(...frame);
  }
}
