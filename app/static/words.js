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
  unauthorized: ["A key is needed", "This service reads only for those who have one.", ["Load the page again; the key is the password."]],
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
