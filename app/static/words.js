/** What the page says, in one place. */

/**
 * @typedef {object} Words
 * @property {string} headline a few words
 * @property {string} sentence what is the matter
 * @property {string[]} help what would help
 */

/** What would help a picture that is called no digit. */
const CLEARER = [
  "Show one digit, and nothing else.",
  "Let it fill most of the picture.",
  "Write with a dark pen on plain light paper, or the other way round.",
];

/** By the service's stable code of each problem. */
const PROBLEMS = {
  no_ink: ["I see nothing drawn", "The picture looks blank.", ["Draw a line, or send a picture with a darker pen or more light."]],
  too_many_bytes: ["The picture is too large", "", ["Send a smaller one, or take a photograph with fewer megapixels."]],
  too_many_pixels: ["The picture is too large", "It has more pixels than the service reads.", ["Cut out the digit and send that."]],
  unsupported_format: [
    "That is not a picture I can read",
    "I read PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF and HEIC.",
    ["Save it as one of these, or take a screenshot of it."],
  ],
  damaged_picture: ["The picture is damaged", "It begins as a picture but does not end as one.", ["Save or download it again."]],
  missing_picture: ["The picture is empty", "The file has nothing in it.", ["Choose another one."]],
  overloaded: ["The service is busy", "Many people are reading digits just now.", ["Wait a moment, then try again."]],
  too_many_requests: ["That was a lot", "You have asked as often as one may for now.", ["Wait a moment, then try again."]],
  too_much_writing: [
    "That is too much writing",
    "I read up to some two hundred digits at once.",
    ["Cut out the number and send that, or come closer with the camera."],
  ],
  unauthorized: ["A key is needed", "This service reads only for those who have one.", ["Load the page again; the key is the password."]],
  feedback_unavailable: ["It was not kept", "Corrections cannot be stored just now.", ["Try again later."]],
  offline: ["You are offline", "Your picture is kept here and will be read as soon as you are back.", []],
  unreachable: ["The service does not answer", "It may be restarting, or the connection is bad.", ["Try again in a moment."]],
};

/** Problems that may be gone after a while. */
const PASSING = new Set(["overloaded", "too_many_requests", "offline", "unreachable", "internal_error"]);

/**
 * Words for a problem.
 * @param {{code: string, detail?: string}} problem
 * @returns {Words}
 */
export function problemWords({ code, detail = "" }) {
  const [headline, sentence, help] = PROBLEMS[code] ?? ["That did not work", detail, ["Try again, or try another picture."]];
  return { headline, sentence: sentence || detail, help };
}

/** Whether to offer another try. @param {string} code */
export const mayPass = (code) => PASSING.has(code);

/** A share in per cent. @param {number} share */
export function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1%";
  if (share < 1 && share > 0.999) return "> 99.9%";
  return `${(100 * share).toFixed(share === 0 || share === 1 ? 0 : 1)}%`;
}

/** A number of bytes. @param {number} bytes */
export function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** A digit with its article. @param {number} digit */
const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

/**
 * Words for an answer.
 * @param {object} reading as the service gives it
 * @param {boolean} forming whether the pen is still down
 * @returns {Words & {state: string, digit: string}}
 */
export function answerWords(reading, forming) {
  const digit = String(reading.digit);
  const sure = percent(reading.confidence);
  if (reading.verdict === "not_a_digit") {
    if (forming) return { state: "forming", digit, headline: "Go on ...", sentence: "No digit yet.", help: [] };
    return {
      state: "none",
      digit: "",
      headline: "I see no digit here",
      sentence: `${reading.reason} My least bad guess is ${named(reading.digit)}.`,
      help: CLEARER,
    };
  }
  if (reading.verdict === "uncertain") {
    const others = reading.candidates.map((one) => `${one.digit} (${percent(one.probability)})`);
    // Of two that look alike one may be much more likely: then it is the only candidate.
    if (others.length < 2) {
      return { state: "uncertain", digit, headline: `It is probably ${named(reading.digit)}.`, sentence: `I am only ${sure} sure.`, help: [] };
    }
    const names = reading.candidates.map((one) => named(one.digit)).join(" or ");
    return { state: "uncertain", digit, headline: `It may be ${names}.`, sentence: `I am not sure: ${others.join(", ")}.`, help: [] };
  }
  if (reading.verdict === "digit") {
    return { state: "digit", digit, headline: `It is ${named(reading.digit)}.`, sentence: `I am ${sure.replace("> ", "more than ")} sure.`, help: [] };
  }
  return { state: "digit", digit, headline: `It looks most like ${named(reading.digit)}.`, sentence: `Probability ${sure}.`, help: [] };
}

/** Before anything is drawn. @param {boolean} whole whether whole numbers are read */
export const emptyWords = (whole) => ({
  headline: "Nothing to read yet",
  sentence: whole
    ? "Draw a number, or send a picture of one. Several rows are fine."
    : "Draw a digit, or try one of the pictures below.",
});

/** @param {object} digit one of a number's, as the service gives it */
export const isNone = (digit) => digit.verdict === "not_a_digit";

/**
 * Words for a picture of several digits.
 * @param {object} reading as the service gives it
 * @param {boolean} forming whether the pen is still down
 * @returns {Words & {state: string, digit: string, sure: string}}
 */
export function numberWords({ rows }, forming) {
  const digits = rows.flatMap((row) => row.digits);
  const read = digits.filter((digit) => !isNone(digit));
  const nones = digits.length - read.length;
  const sure = percent(read.reduce((product, digit) => product * digit.confidence, 1));
  const doubts = digits.filter((digit) => digit.verdict === "uncertain").length;
  if (!read.length) {
    if (forming) return { state: "forming", digit: "", sure, headline: "Go on ...", sentence: "No number yet.", help: [] };
    return {
      state: "none",
      digit: "",
      sure,
      headline: "I see no number here",
      sentence: nones ? "Nothing on the picture looks like a digit." : "There is ink, but nothing as large as a digit.",
      help: ["Cut out the number, or come closer.", CLEARER[2]],
    };
  }
  const text = rows.map((row) => row.text).join(" / ");
  const what = rows.length > 1 ? `${rows.length} rows` : text;
  const which = nones ? "the others" : digits.length > 2 ? `all ${digits.length} digits` : digits.length > 1 ? "both digits" : "it";
  const sentences = [`I am ${doubts ? "only " : ""}${sure.replace("> ", "more than ").replace("< ", "less than ")} sure of ${which}.`];
  if (nones) sentences.unshift(`A ? stands for what is no digit: ${nones} of ${digits.length}.`);
  if (doubts) sentences.push(`In doubt: ${doubts} of ${digits.length}.`);
  const state = nones || doubts ? "uncertain" : "digit";
  let headline = rows.length > 1 ? `I read ${what}.` : `It is ${what}.`;
  if (doubts) headline = rows.length > 1 ? `I read ${what}, with doubts.` : `It may be ${what}.`;
  if (nones) headline = `I read ${what}, with gaps.`;
  return { state, digit: text, sure, headline, sentence: sentences.join(" "), help: [] };
}

/** What stands for a digit of a number: doubtful ones are marked. @param {object} digit as the service gives it */
export const markOf = (digit) => (isNone(digit) ? "?" : digit.verdict === "uncertain" ? `${digit.digit}?` : String(digit.digit));

/** How sure a digit of a number is, in few words. @param {object} digit as the service gives it */
export function doubtWords(digit) {
  if (isNone(digit)) return "no digit";
  const others = digit.candidates.slice(1).map((one) => `or ${one.digit}`);
  return [percent(digit.confidence), ...others].join(" ");
}

/** Where a digit lies. @param {object} box as the service gives it */
export const placeWords = ({ left, top, right, bottom }) =>
  `, ${left} to ${right} pixels from the left, ${top} to ${bottom} from the top`;

/**
 * The steps of the preparation, in order.
 * @param {object} preparation as the service gives it
 * @returns {string[]}
 */
export function stepWords({ inverted, crop_box: box, width, height, format }) {
  return [
    `Read as ${format}, ${width} by ${height} pixels.`,
    inverted
      ? "Dark ink on a light ground: inverted, since the model knows white ink on black."
      : "Light ink on a dark ground: not inverted, since that is what the model knows.",
    `Ink found inside the frame, ${box.right - box.left} by ${box.bottom - box.top} pixels, and cropped there.`,
    "Scaled into 20 by 20 pixels and centred in 28 by 28 by the weight of its ink.",
  ];
}

/** What the map of the ink that mattered shows. @param {number} peak drop of the log-odds, in nats */
export function saliencyWords(peak) {
  if (peak < 0.01) return "No single piece of ink decides: hiding any of it changes nothing.";
  const times = Math.exp(peak);
  const factor = times >= 1000 ? "more than a thousand" : times < 2 ? "up to two" : `about ${Math.round(times)}`;
  return `The brighter the orange, the more the answer rests on that ink. Hiding the brightest makes its odds ${factor} times worse.`;
}
