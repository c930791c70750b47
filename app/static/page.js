/** Binds the page's parts: what is drawn or sent is read, and the answer shown. */

import { Answer } from "./answer.js";
import { Camera } from "./camera.js";
import { Drawing } from "./drawing.js";
import { listenForPictures, previewOf } from "./pictures.js";
import { Problem, Reader } from "./reader.js";
import { Recent } from "./recent.js";
import { showSamples } from "./samples.js";
import { percent, size } from "./words.js";

/** @typedef {import("./recent.js").Subject} Subject */

/** The page's element of an id. @param {string} id */
const element = (id) => document.getElementById(id);

const maxBytes = Number(document.body.dataset.maxBytes);
const buttons = { undo: element("undo"), clear: element("clear") };

/** What is on the stage. @type {Subject | null} */
let subject = null;
/** Whether the last reading ended for want of a network. */
let wasOffline = false;

const reader = new Reader((tries, most, seconds) =>
  answer.wait("The service is busy", `Trying again in ${Math.ceil(seconds)} s (try ${tries + 1} of ${most}).`),
);
const answer = new Answer(readAgain);
const recent = new Recent(restore);
const drawing = new Drawing(element("drawing"), drawingChanged);
// From here on a person can draw.
performance.mark("pen-ready");
const camera = new Camera(element("capture"), takePicture);

/**
 * Read and show.
 * @param {Subject} asked
 * @param {Blob | Promise<Blob>} picture
 * @param {boolean} forming whether the pen is still down
 */
async function read(asked, picture, forming) {
  wasOffline = false;
  element("answer").setAttribute("aria-busy", "true");
  try {
    const reading = await reader.read(picture);
    if (!reading || asked !== subject) return;
    const words = answer.show(reading, asked.preview, forming);
    if (!forming) recent.put(asked, words, percent(reading.confidence));
  } catch (error) {
    if (asked !== subject) return;
    const problem = error instanceof Problem ? error : new Problem("unreachable", String(error));
    wasOffline = problem.code === "offline";
    // A dot is no digit yet: no need to complain while the pen is down.
    if (!forming || problem.code !== "no_ink") answer.fail(problem);
  } finally {
    element("answer").removeAttribute("aria-busy");
  }
}

function readDrawing(forming) {
  subject.strokes = drawing.strokes;
  subject.preview = drawing.picture();
  const preview = subject.preview;
  return read(subject, new Promise((resolve) => preview.toBlob(resolve, "image/png")), forming);
}

const readPicture = () => read(subject, subject.picture, false);

function readAgain() {
  answer.wait("Reading ...", "");
  if (subject.picture) readPicture();
  else readDrawing(false);
}

function drawingChanged(resting) {
  element("hint").hidden = !drawing.isEmpty;
  buttons.undo.disabled = buttons.clear.disabled = drawing.isEmpty;
  if (drawing.isEmpty) {
    reader.stop();
    subject = null;
    answer.clear();
    return;
  }
  subject ??= { strokes: [], picture: null, preview: null };
  if (resting) readDrawing(false);
  else reader.soon(() => readDrawing(true));
}

/** Put the drawing area or a picture on the stage. */
function setStage(picture) {
  element("drawing").hidden = picture;
  element("shown").hidden = element("unshown").hidden = true;
  element("hint").hidden = picture || !drawing.isEmpty;
  buttons.undo.hidden = picture;
  buttons.clear.textContent = picture ? "Back to drawing" : "Clear";
  buttons.clear.disabled = !picture && drawing.isEmpty;
}

function clear() {
  const fromPicture = element("drawing").hidden;
  setStage(false);
  drawing.clear();
  if (fromPicture) element("drawing").focus({ preventScroll: true });
}

/**
 * Take a picture from outside onto the stage and read it.
 * @param {Blob | Promise<Blob>} picture
 * @param {HTMLCanvasElement | null} [preview] if it is at hand
 */
async function takePicture(picture, preview = null) {
  reader.stop();
  wasOffline = false;
  const taken = { strokes: null, picture: null, preview };
  subject = taken;
  answer.wait("Reading ...", "");
  taken.picture = await picture;
  taken.preview ??= await previewOf(taken.picture);
  if (subject === taken) showPicture();
}

function showPicture() {
  const { preview } = subject;
  setStage(true);
  const shown = element("shown");
  shown.hidden = !preview;
  element("unshown").hidden = Boolean(preview);
  if (preview) {
    shown.width = preview.width;
    shown.height = preview.height;
    shown.getContext("2d").drawImage(preview, 0, 0);
  }
  document.querySelector(".desk").scrollIntoView({ block: "nearest" });
  // Not sent at all: the service would hang up while the browser is still sending.
  if (subject.picture.size > maxBytes) {
    const detail = `It has ${size(subject.picture.size)}; the service takes up to ${size(maxBytes)}.`;
    answer.fail({ code: "too_many_bytes", detail });
    return;
  }
  readPicture();
}

/** Bring a recent reading back. @param {Subject} earlier */
function restore(earlier) {
  reader.stop();
  subject = earlier;
  if (earlier.picture) {
    showPicture();
    return;
  }
  setStage(false);
  drawing.show(earlier.strokes);
  document.querySelector(".desk").scrollIntoView({ block: "nearest" });
}

buttons.undo.addEventListener("click", () => drawing.undo());
buttons.clear.addEventListener("click", clear);
element("choose").addEventListener("click", () => element("file").click());
element("open-camera").addEventListener("click", () => camera.open());
listenForPictures({ inputs: [element("file"), element("capture")], stage: element("stage"), take: takePicture });
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || element("drawing").hidden) return;
  event.preventDefault();
  drawing.undo();
});
addEventListener("online", () => {
  if (wasOffline && subject) readAgain();
});
// The pen comes first: the samples are drawn when nothing else is to be done.
(globalThis.requestIdleCallback ?? setTimeout)(() => showSamples(element("samples"), takePicture));
