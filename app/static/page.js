/** Binds the page's parts: what is drawn or sent is read, and the answer shown. */

import { Answer } from "./answer.js";
import { Camera } from "./camera.js";
import { Correction } from "./correction.js";
import { Drawing, WIDE } from "./drawing.js";
import { hideBoxes } from "./numbers.js";
import { listenForPictures, previewOf } from "./pictures.js";
import { Problem, Reader } from "./reader.js";
import { Recent } from "./recent.js";
import { showSamples } from "./samples.js";
import { percent, size } from "./words.js";

/** @typedef {import("./recent.js").Subject} Subject */

/** The page's element of an id. @param {string} id */
const element = (id) => document.getElementById(id);

const maxBytes = Number(document.body.dataset.maxBytes);
/** The choice of whole numbers; the tab's history keeps it, so that it outlives a reload and nothing is stored. */
const whole = element("whole");
const buttons = { undo: element("undo"), clear: element("clear") };

/** What is on the stage. @type {Subject | null} */
let subject = null;
/** Whether the last reading ended for want of a network. */
let wasOffline = false;

const reader = new Reader((tries, most, seconds) =>
  answer.wait("The service is busy", `Trying again in ${Math.ceil(seconds)} s (try ${tries + 1} of ${most}).`),
);
const answer = new Answer(readAgain, readAsNumber);
const correction = new Correction();
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
  correction.withdraw();
  element("answer").setAttribute("aria-busy", "true");
  try {
    const reading = await reader.read(picture, asked.whole ? "read" : "predict?explain=true");
    if (!reading || asked !== subject) return;
    const words = asked.whole
      ? answer.showNumbers(reading, asked.preview, forming)
      : answer.show(reading, asked.preview, forming);
    if (!forming) {
      recent.put(asked, words, words.sure ?? percent(reading.confidence));
      if (!asked.whole) correction.offer(picture);
    }
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

/** Read digits or whole numbers from now on. */
function applyMode() {
  history.replaceState({ whole: whole.checked }, "");
  element("desk").classList.toggle("whole", whole.checked);
  element("title").textContent = `Draw a ${whole.checked ? "number" : "digit"}.`;
  drawing.setWidth(whole.checked ? WIDE : 1);
  answer.setWhole(whole.checked);
}

/** What is on the stage is read again when the mode changes. */
function modeChosen() {
  reader.stop();
  applyMode();
  if (!subject) return;
  subject.whole = whole.checked;
  if (subject.picture) showPicture();
  // A picture that is still on its way is read when it is there.
  else if (subject.strokes) readAgain();
}

function readAsNumber() {
  whole.checked = true;
  // The button goes; the keyboard's place is not lost.
  element("answer").focus({ preventScroll: true });
  modeChosen();
  element("stage").scrollIntoView({ block: "nearest" });
}

function drawingChanged(resting) {
  element("hint").hidden = !drawing.isEmpty;
  buttons.undo.disabled = buttons.clear.disabled = drawing.isEmpty;
  if (drawing.isEmpty) {
    reader.stop();
    subject = null;
    answer.clear();
    correction.withdraw();
    return;
  }
  subject ??= { strokes: [], picture: null, preview: null, whole: whole.checked };
  if (resting) readDrawing(false);
  else {
    hideBoxes();
    reader.soon(() => readDrawing(true));
  }
}

/** Put the drawing area or a picture on the stage. */
function setStage(picture) {
  element("drawing").hidden = picture;
  element("shown").hidden = element("unshown").hidden = true;
  element("stage").style.removeProperty("--ratio");
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
  correction.withdraw();
  wasOffline = false;
  const taken = { strokes: null, picture: null, preview, whole: whole.checked };
  subject = taken;
  answer.wait("Reading ...", "");
  taken.picture = await picture;
  taken.preview ??= await previewOf(taken.picture);
  if (subject === taken) showPicture();
}

function showPicture() {
  const { preview } = subject;
  setStage(true);
  hideBoxes();
  const shown = element("shown");
  shown.hidden = !preview;
  element("unshown").hidden = Boolean(preview);
  if (preview) {
    shown.width = preview.width;
    shown.height = preview.height;
    shown.getContext("2d").drawImage(preview, 0, 0);
    element("stage").style.setProperty("--ratio", preview.width / preview.height);
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
  if (earlier.whole !== whole.checked) {
    element(earlier.whole ? "whole" : "one").checked = true;
    applyMode();
  }
  subject = earlier;
  if (earlier.picture) {
    showPicture();
    return;
  }
  setStage(false);
  drawing.show(earlier.strokes);
  document.querySelector(".desk").scrollIntoView({ block: "nearest" });
}

for (const id of ["one", "whole"]) element(id).addEventListener("change", modeChosen);
if (history.state?.whole) whole.checked = true;
if (whole.checked) applyMode();
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
