/** Shows whole numbers: boxes over the picture, and the digits row by row beside it. */

import { doubtWords, isNone, markOf, placeWords } from "./words.js";

/** The page's element of an id. @param {string} id */
const element = (id) => document.getElementById(id);

/**
 * A new element with words in it.
 * @param {string} tag
 * @param {string} className
 * @param {string} [words]
 */
function newElement(tag, className, words = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = words;
  return made;
}

/** How a digit looks, whatever its colour: with a whole, a dashed or a dotted frame. */
const lookOf = (digit) => (isNone(digit) ? "none" : digit.verdict === "uncertain" ? "doubtful" : "sure");

/** Take the boxes off the picture. */
export const hideBoxes = () => element("boxes").replaceChildren();

/** Show neither boxes nor digits. */
export function hideNumbers() {
  hideBoxes();
  element("rows").replaceChildren();
  element("text").textContent = "";
  element("rows").hidden = element("text").hidden = true;
}

/**
 * Show what is read as text, and each digit of each row with how sure it is.
 * @param {object[]} rows as the service gives them
 */
export function showRows(rows) {
  if (!rows.length) return;
  const text = element("text");
  text.textContent = rows.map((row) => row.text).join("\n");
  // As large as the longest row and the count of rows allow.
  text.style.setProperty("--letters", Math.max(...rows.map((row) => row.text.length)));
  text.style.setProperty("--lines", rows.length);
  element("rows").replaceChildren(
    ...rows.map((row, index) => {
      const item = newElement("li", "row");
      if (rows.length > 1) item.append(newElement("p", "fine", `Row ${index + 1}`));
      const digits = document.createElement("ol");
      digits.setAttribute("aria-label", `Row ${index + 1}, from left to right`);
      digits.append(...row.digits.map(cardOf));
      item.append(digits);
      return item;
    }),
  );
  text.hidden = element("rows").hidden = false;
}

function cardOf(digit) {
  const card = newElement("li", `one ${lookOf(digit)}`);
  card.append(
    newElement("span", "mark", markOf(digit)),
    newElement("span", "doubt", doubtWords(digit)),
    newElement("span", "unseen", placeWords(digit.box)),
  );
  return card;
}

/**
 * Draw a box around each digit of the picture, and the digit at its corner.
 * @param {object} reading as the service gives it
 */
export function showBoxes({ rows, width, height }) {
  const boxes = element("boxes");
  boxes.style.setProperty("--ratio", width / height);
  boxes.replaceChildren(
    ...rows.flatMap((row) =>
      row.digits.map((digit) => {
        const { left, top, right, bottom } = digit.box;
        const box = newElement("div", `box ${lookOf(digit)}`);
        const shares = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
        for (const [name, share] of Object.entries(shares)) box.style.setProperty(`--${name}`, share.toFixed(5));
        box.append(newElement("span", "label", markOf(digit)));
        return box;
      }),
    ),
  );
}
