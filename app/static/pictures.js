/** Pictures that come from outside: chosen, dropped, pasted. */

import { newCanvas } from "./drawing.js";

/** Longest side of what is shown of a picture, in pixels. */
const PREVIEW_SIDE = 960;

/**
 * A smaller copy of a picture for the screen, turned upright.
 * @param {Blob} picture
 * @returns {Promise<HTMLCanvasElement | null>} null if the browser cannot decode the format
 */
export async function previewOf(picture) {
  try {
    const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
    const scale = Math.min(1, PREVIEW_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = newCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    // What is transparent lies on white, as the service lays it.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas;
  } catch {
    return null;
  }
}

/** The first file of those that came with an event. @param {DataTransfer | null} transfer */
const firstFile = (transfer) => transfer?.files?.[0] ?? null;

/**
 * Take pictures in from every door.
 * @param {object} doors
 * @param {HTMLInputElement[]} doors.inputs of files
 * @param {HTMLElement} doors.stage is marked while something is dragged over the page
 * @param {(picture: File) => void} doors.take
 */
export function listenForPictures({ inputs, stage, take }) {
  for (const input of inputs) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      // The same file may be chosen again.
      input.value = "";
    });
  }
  document.addEventListener("paste", (event) => {
    const file = firstFile(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  // Without this the browser would leave the page for a picture that is dropped beside the stage.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    stage.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) stage.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dropping");
    const file = firstFile(event.dataTransfer);
    if (file) take(file);
  });
}
