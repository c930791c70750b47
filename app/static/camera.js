/** The camera: a live view with a shutter, and where that is not to be had, the phone's own camera app. */

import { newCanvas } from "./drawing.js";

/** Why there is no live view, by the name of the browser's error. */
const REASONS = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it in the address bar, or choose a picture instead.",
  NotFoundError: "There is no camera here. Choose a picture instead.",
  NotReadableError: "Another program is using the camera. Close it and try again.",
};
const UNKNOWN = "The camera does not start. Choose a picture instead.";

const QUALITY = 0.92;

/** A dialog with a live view. */
export class Camera {
  #dialog = document.getElementById("camera");
  #video = document.getElementById("live");
  #words = document.getElementById("camera-words");
  #shutter = document.getElementById("shutter");
  #app = document.getElementById("camera-app");
  #capture;
  #take;
  #stream = null;

  /**
   * @param {HTMLInputElement} capture opens a phone's camera app
   * @param {(picture: Promise<Blob>, preview: HTMLCanvasElement) => void} take
   */
  constructor(capture, take) {
    this.#capture = capture;
    this.#take = take;
    this.#shutter.addEventListener("click", () => this.#shoot());
    this.#app.addEventListener("click", () => {
      this.#dialog.close();
      capture.click();
    });
    document.getElementById("close-camera").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#stop());
    this.#video.addEventListener("playing", () => {
      this.#shutter.disabled = false;
      this.#shutter.focus();
    });
  }

  /** Open the live view. */
  async open() {
    // Browsers offer it on https and localhost only; a phone opens its camera app all the same.
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#capture.click();
      return;
    }
    this.#shutter.disabled = true;
    this.#app.hidden = !matchMedia("(pointer: coarse)").matches;
    this.#words.textContent = "Starting the camera ...";
    this.#dialog.showModal();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } },
      });
      this.#stream = stream;
      if (!this.#dialog.open) {
        this.#stop();
        return;
      }
      this.#video.srcObject = stream;
      await this.#video.play();
      this.#words.textContent = "Fill the view with it.";
    } catch (error) {
      this.#words.textContent = REASONS[error.name] ?? UNKNOWN;
    }
  }

  #shoot() {
    const canvas = newCanvas(this.#video.videoWidth, this.#video.videoHeight);
    canvas.getContext("2d", { alpha: false }).drawImage(this.#video, 0, 0);
    this.#dialog.close();
    this.#take(new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY)), canvas);
  }

  /** Let the camera go, so that its light goes out. */
  #stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#shutter.disabled = true;
  }
}
