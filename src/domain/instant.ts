/** Instants as text: UTC with second precision, which is what `kubectl rollout restart` writes. */

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** `2026-11-23T01:00:00Z` for milliseconds since the epoch; fractions of a second are cut off. */
export function formatInstant(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}

/** Milliseconds since the epoch, or undefined when the text is no RFC 3339 time (the API takes any string there). */
export function parseInstant(text: string): number | undefined {
  if (!RFC3339.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/**
 * T for a restart now: at least one second later than the value that stands there, because two restarts in the same
 * second are one to Kubernetes (the template would not change).
 */
export function nextRestartedAt(now: number, standing: string | undefined): string {
  const before = standing === undefined ? undefined : parseInstant(standing);
  return formatInstant(before === undefined ? now : Math.max(now, Math.ceil(before / 1000) * 1000 + 1000));
}

/** Whether the standing value is older than T, gone, or no time at all: T has been taken back. */
export function isTakenBack(standing: string | undefined, t: string): boolean {
  const now = standing === undefined ? undefined : parseInstant(standing);
  const then = parseInstant(t);
  return now === undefined || then === undefined || now < then;
}

/** Whether a value is a time, and later than what stood there before, if that was one. */
export function isNewerThan(value: string | undefined, before: string | undefined): boolean {
  const time = value === undefined ? undefined : parseInstant(value);
  const earlier = before === undefined ? undefined : parseInstant(before);
  return time !== undefined && (earlier === undefined || time > earlier);
}
