/** The drawing area: pen, mouse, finger or keyboard in, strokes and pictures of them out. */

/** Height of the picture that is sent, in pixels: as large as the service looks at without shrinking it. */
const SENT_HEIGHT = 280;

/** Width of the pen, as a share of the height. */
const PEN = 0.075;

/** The same for numbers, whose digits are smaller. */
const FINE_PEN = 0.05;

/** Width of the area numbers are drawn on, in heights; that of one digit is square. */
export const WIDE = 1.75;

/** What one press of an arrow key moves the pen, as a share of the height. */
const KEY_STEP = 0.04;

/** How near the edge the keyboard's pen gets, as a share of the height. */
const MARGIN = 0.04;

const INK = "#1c2230";

/** @typedef {[number, number][]} Stroke points, from the left and the top, as shares of the height */

/**
 * Draw strokes, smoothed: curves whose control points are the pen's places pass between them.
 * @param {CanvasRenderingContext2D} context
 * @param {Stroke[]} strokes
 * @param {number} side the height, in pixels
 * @param {{ink?: string, pen?: number}} [look]
 */
export function drawStrokes(context, strokes, side, { ink = INK, pen = PEN } = {}) {
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = ink;
  context.lineWidth = pen * side;
  for (const stroke of strokes) {
    const at = stroke.map(([x, y]) => [x * side, y * side]);
    context.beginPath();
    context.moveTo(...at[0]);
    for (let index = 1; index < at.length - 1; index += 1) {
      const [x, y] = at[index];
      const [nextX, nextY] = at[index + 1];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    // A stroke of one point is a dot.
    context.lineTo(...at[at.length - 1]);
    context.stroke();
  }
}

/**
 * A canvas of one's own.
 * @param {number} width
 * @param {number} height
 */
export function newCanvas(width, height = width) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

/** The area a person draws on. */
export class Drawing {
  /** @type {Stroke[]} */
  strokes = [];
  /** In heights. */
  #width = 1;
  #canvas;
  #context;
  #changed;
  /** The pointer that draws; others, the hand's ball for one, are ignored. */
  #pointer = null;
  #cursor = null;
  #penDown = false;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(resting: boolean) => void} changed called at each change; resting when no line is under way
   */
  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { desynchronized: true });
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#extend(event));
    canvas.addEventListener("pointerup", (event) => this.#end(event));
    canvas.addEventListener("pointercancel", (event) => this.#end(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#liftPen());
    new ResizeObserver(() => this.#fit()).observe(canvas);
    this.#fit();
  }

  /** Whether nothing has been drawn. */
  get isEmpty() {
    return this.strokes.length === 0;
  }

  /** Take the last line back. */
  undo() {
    this.#set(this.strokes.slice(0, -1));
  }

  /** Begin anew. */
  clear() {
    this.#set([]);
  }

  /** Put other strokes in. @param {Stroke[]} strokes */
  show(strokes) {
    this.#set([...strokes]);
  }

  /**
   * Draw on an area of another width. What is drawn moves into its middle, smaller if it would not fit.
   * @param {number} width in heights
   */
  setWidth(width) {
    const shift = (width - this.#width) / 2;
    if (!shift) return;
    const reach = Math.max(...this.strokes.flat().map(([x]) => Math.abs(x - this.#width / 2)));
    const factor = Math.min(1, (width / 2 - MARGIN) / reach);
    this.strokes = this.strokes.map((stroke) =>
      stroke.map(([x, y]) => [width / 2 + factor * (x - this.#width / 2), 0.5 + factor * (y - 0.5)]),
    );
    this.#width = width;
    this.#cursor = null;
    this.#paint();
  }

  get #pen() {
    return this.#width === 1 ? PEN : FINE_PEN;
  }

  /** The picture to send: dark on white, of one size whatever the screen's. */
  picture() {
    const canvas = newCanvas(Math.round(SENT_HEIGHT * this.#width), SENT_HEIGHT);
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    drawStrokes(context, this.strokes, SENT_HEIGHT, { ink: "#000", pen: this.#pen });
    return canvas;
  }

  #set(strokes) {
    this.#penDown = false;
    this.#pointer = null;
    this.strokes = strokes;
    this.#paint();
    this.#changed(true);
  }

  #fit() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (!width) return;
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    this.#paint();
  }

  #paint() {
    // Once a frame, however many points arrive.
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const { width, height } = this.#canvas;
      this.#context.clearRect(0, 0, width, height);
      drawStrokes(this.#context, this.strokes, height, { pen: this.#pen });
      if (this.#cursor) this.#paintCursor(height);
    });
  }

  #paintCursor(side) {
    const [x, y] = this.#cursor.map((share) => share * side);
    this.#context.beginPath();
    this.#context.arc(x, y, (this.#pen / 2) * side, 0, 2 * Math.PI);
    this.#context.lineWidth = Math.max(2, side / 150);
    this.#context.strokeStyle = this.#penDown ? "#c8371a" : "#2552c4";
    this.#context.stroke();
  }

  #place(event) {
    const { left, top, height } = this.#canvas.getBoundingClientRect();
    return [(event.clientX - left) / height, (event.clientY - top) / height];
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.#cursor = null;
    this.#canvas.setPointerCapture(event.pointerId);
    this.strokes = [...this.strokes, [this.#place(event)]];
    this.#paint();
    this.#changed(false);
  }

  #extend(event) {
    if (event.pointerId !== this.#pointer) return;
    // Between two frames a pen or mouse has been in several places.
    const events = event.getCoalescedEvents?.() ?? [];
    this.strokes.at(-1).push(...(events.length ? events : [event]).map((one) => this.#place(one)));
    this.#paint();
    this.#changed(false);
  }

  #end(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#changed(true);
  }

  #key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) this.#moveCursor(...step);
    else if (event.key === " " && !event.repeat) this.#togglePen();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else if (event.key === "Escape") this.#liftPen();
    else return;
    event.preventDefault();
  }

  #moveCursor(right, down) {
    const [x, y] = this.#cursor ?? [this.#width / 2, 0.5];
    const within = (place, most) => Math.min(most - MARGIN, Math.max(MARGIN, place));
    this.#cursor = [within(x + KEY_STEP * right, this.#width), within(y + KEY_STEP * down, 1)];
    if (this.#penDown) {
      this.strokes.at(-1).push(this.#cursor);
      this.#changed(false);
    }
    this.#paint();
  }

  #togglePen() {
    if (this.#penDown) {
      this.#liftPen();
      return;
    }
    this.#cursor ??= [this.#width / 2, 0.5];
    this.#penDown = true;
    this.strokes = [...this.strokes, [this.#cursor]];
    this.#paint();
    this.#changed(false);
  }

  #liftPen() {
    if (!this.#penDown) return;
    this.#penDown = false;
    this.#paint();
    this.#changed(true);
  }
}
