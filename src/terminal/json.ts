/**
 * JSON in one line that a terminal shows as it is: what it would obey, or take for the end of the line, is escaped. The
 * value stays the same to every reader of JSON.
 */
export function jsonLine(value: unknown): string {
  return visible(JSON.stringify(value));
}

/** The same of JSON as it is written: that escapes the controls of ASCII, and none of those beyond. */
export function visible(json: string): string {
  return json.replaceAll(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map(unit => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
