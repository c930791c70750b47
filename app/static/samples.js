/** Pictures to try, drawn here in code: strokes of this project's own, on grounds as people's pictures have them. */

import { drawStrokes, newCanvas } from "./drawing.js";

const SIDE = 320;
const QUALITY = 0.9;

/** Points along straight lines through corners, close enough that smoothing leaves the corners sharp. */
function line(...corners) {
  return corners.slice(1).flatMap(([x, y], index) => {
    const [fromX, fromY] = corners[index];
    return Array.from({ length: 13 }, (_, step) => [fromX + ((x - fromX) * step) / 12, fromY + ((y - fromY) * step) / 12]);
  });
}

/** Points along part of an ellipse; angles in degrees, 0 to the right, growing clockwise. */
function arc(x, y, width, height, start, end) {
  return Array.from({ length: 25 }, (_, step) => {
    const angle = ((start + ((end - start) * step) / 24) * Math.PI) / 180;
    return [x + (width / 2) * Math.cos(angle), y + (height / 2) * Math.sin(angle)];
  });
}

const TWO = [[...arc(0.5, 0.36, 0.36, 0.32, -165, 30), ...line([0.6, 0.48], [0.32, 0.8]), ...line([0.32, 0.8], [0.72, 0.78])]];
const THREE = [[...arc(0.47, 0.34, 0.34, 0.3, -160, 80), ...arc(0.47, 0.64, 0.4, 0.32, -80, 150)]];
const FOUR = [line([0.4, 0.2], [0.3, 0.55], [0.72, 0.54]), line([0.6, 0.34], [0.57, 0.84])];
const FIVE = [[...line([0.66, 0.22], [0.4, 0.23], [0.37, 0.47]), ...arc(0.48, 0.61, 0.36, 0.34, -125, 145)]];
const SEVEN = [line([0.3, 0.24], [0.7, 0.22], [0.44, 0.82]), line([0.42, 0.52], [0.68, 0.5])];
const EIGHT = [[...arc(0.5, 0.34, 0.28, 0.26, -30, -270), ...arc(0.5, 0.63, 0.36, 0.32, -90, 270), ...arc(0.5, 0.34, 0.28, 0.26, 90, -40)]];
const ONE_BESIDE_FOUR = [
  line([0.2, 0.42], [0.3, 0.3], [0.29, 0.72]),
  line([0.6, 0.28], [0.52, 0.53], [0.82, 0.52]),
  line([0.72, 0.38], [0.7, 0.74]),
];
const STAR = [line([0.5, 0.18], [0.68, 0.78], [0.2, 0.4], [0.8, 0.4], [0.32, 0.78], [0.5, 0.18])];

/** Fill the ground. */
function ground(context, colour) {
  context.fillStyle = colour;
  context.fillRect(0, 0, SIDE, SIDE);
}

/** Grain as paper, boards and cameras have it; the same in each visit. */
function grain(context, strength) {
  const picture = context.getImageData(0, 0, SIDE, SIDE);
  let state = 7;
  for (let index = 0; index < picture.data.length; index += 4) {
    state = (state * 1664525 + 1013904223) % 4294967296;
    const change = (state / 4294967296 - 0.5) * strength;
    for (let channel = 0; channel < 3; channel += 1) picture.data[index + channel] += change;
  }
  context.putImageData(picture, 0, 0);
}

/** Light that falls off towards a corner, and a soft shadow. */
function badLight(context) {
  const falling = context.createLinearGradient(0, 0, SIDE, SIDE);
  falling.addColorStop(0, "rgb(30 20 0 / 0)");
  falling.addColorStop(1, "rgb(30 20 10 / 0.62)");
  context.fillStyle = falling;
  context.fillRect(0, 0, SIDE, SIDE);
}

function ruled(context) {
  context.fillStyle = "#b9cfe4";
  for (let y = 28; y < SIDE; y += 44) context.fillRect(0, y, SIDE, 2);
}

/** @type {{caption: string, paint: (context: CanvasRenderingContext2D) => void}[]} */
const SAMPLES = [
  {
    caption: "Ruled paper",
    paint(context) {
      ground(context, "#fbfaf6");
      ruled(context);
      drawStrokes(context, FOUR, SIDE, { ink: "#1d3f99", pen: 0.035 });
    },
  },
  {
    caption: "Chalk on a board",
    paint(context) {
      ground(context, "#2c4a3e");
      drawStrokes(context, THREE, SIDE, { ink: "#eef1ea", pen: 0.06 });
      grain(context, 34);
    },
  },
  {
    caption: "Bad light",
    paint(context) {
      ground(context, "#efe7d6");
      drawStrokes(context, FIVE, SIDE, { ink: "#33302c", pen: 0.045 });
      badLight(context);
      grain(context, 14);
    },
  },
  {
    caption: "Crossed seven",
    paint(context) {
      ground(context, "#ffffff");
      drawStrokes(context, SEVEN, SIDE, { ink: "#111111", pen: 0.06 });
    },
  },
  {
    caption: "Tilted note",
    paint(context) {
      ground(context, "#7b5f48");
      context.save();
      context.translate(SIDE / 2, SIDE / 2);
      context.rotate(-0.12);
      context.translate(-SIDE / 2, -SIDE / 2);
      context.fillStyle = "#ffe37a";
      context.fillRect(34, 34, SIDE - 68, SIDE - 68);
      drawStrokes(context, TWO, SIDE, { ink: "#7a1f3d", pen: 0.045 });
      context.restore();
      grain(context, 10);
    },
  },
  {
    caption: "Faint pencil",
    paint(context) {
      ground(context, "#f4f3ef");
      drawStrokes(context, EIGHT, SIDE, { ink: "#b9b8b6", pen: 0.025 });
      grain(context, 8);
    },
  },
  {
    caption: "Two at once",
    paint(context) {
      ground(context, "#ffffff");
      drawStrokes(context, ONE_BESIDE_FOUR, SIDE, { ink: "#1c2230", pen: 0.045 });
    },
  },
  {
    caption: "No digit",
    paint(context) {
      ground(context, "#ffffff");
      drawStrokes(context, STAR, SIDE, { ink: "#1c2230", pen: 0.04 });
    },
  },
];

/**
 * Put the samples on their shelf.
 * @param {HTMLElement} shelf
 * @param {(picture: Promise<Blob>, preview: HTMLCanvasElement) => void} take called with the one that is chosen
 */
export function showSamples(shelf, take) {
  for (const { caption, paint } of SAMPLES) {
    const canvas = newCanvas(SIDE);
    paint(canvas.getContext("2d", { alpha: false, willReadFrequently: true }));
    const item = document.createElement("li");
    const button = document.createElement("button");
    const words = document.createElement("span");
    button.type = "button";
    words.className = "caption";
    words.textContent = caption;
    button.append(canvas, words);
    button.addEventListener("click", () => {
      take(new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY)), canvas);
    });
    item.append(button);
    shelf.append(item);
  }
}
