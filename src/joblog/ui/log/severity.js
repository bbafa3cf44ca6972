// Which lines tell of errors and warnings: one pattern for the lines on the screen and, by RE2 on the server, for all of a log.

/**
 * What stands in a line that tells of an error, or of a warning: words as programs write them, not any word that has "error" in
 * it, since "eval_error=0.03" is none. Both are read alike by RE2 and by browsers, and no repetition stands within another.
 */
// Words that are coloured begin behind an "m" that is no letter of theirs.
const BEGIN = "(?:\\b|\\x1b\\[[\\d;]{0,20}m)";
export const ERROR =
  `${BEGIN}(?:(?:ERROR|FATAL|CRITICAL|PANIC|OOM)\\b|[A-Z]\\w{0,60}(?:Error|Exception)\\b|(?:[Ee]rror|[Ff]atal|[Pp]anic): *[^ \\d.+-])|` +
  "Traceback \\(most recent|[Ss]egmentation fault|[Cc]ore dumped|[Oo]ut of memory|Killed$";
const WARNING = `${BEGIN}(?:WARN(?:ING)?\\b|[A-Z]\\w{0,60}Warning\\b|[Ww]arning:)`;

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
