// Which lines tell of errors and warnings: one pattern for the lines on the screen and, by RE2 on the server, for all of a log.

/**
 * What stands in a line that tells of an error, or of a warning: words as programs write them, not any word that has "error" in
 * it, since "eval_error=0.03" is none. Both are read alike by RE2 and by browsers, and no repetition stands within another.
 */
const ERROR =
  "\\b(?:ERROR|FATAL|CRITICAL|PANIC)\\b|\\b[A-Z]\\w{0,60}(?:Error|Exception)\\b|^Traceback \\(|\\b(?:[Ee]rror|[Ff]atal|[Pp]anic): *[^ \\d.+-]|" +
  "[Ss]egmentation fault|[Cc]ore dumped|[Oo]ut of memory|\\bOOM\\b|Killed$";
const WARNING = "\\bWARN(?:ING)?\\b|\\b[A-Z]\\w{0,60}Warning\\b|\\b[Ww]arning:";

/** For the server's search. */
export const EITHER = `${ERROR}|${WARNING}`;

const IS_ERROR = new RegExp(ERROR);
const IS_WARNING = new RegExp(WARNING);

/** What of a line is looked at, in characters. */
const MOST = 2000;

/**
 * @param {string} text
 * @returns {"error" | "warning" | null}
 */
export function severity(text) {
  const seen = text.length > MOST ? text.slice(0, MOST) : text;
  if (IS_ERROR.test(seen)) return "error";
  return IS_WARNING.test(seen) ? "warning" : null;
}
