import { listAt, numberAt, textAt } from './json.ts';

/** Response headers, names in lower case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What came of sending a request once. */
export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Parsed JSON, undefined when there was none. */
      readonly body: unknown;
      /** `Date` by the server's clock, milliseconds since the epoch. */
      readonly date: number | undefined;
      /** Milliseconds, undefined when the server named no time. */
      readonly retryAfter: number | undefined;
    }
  /** Nothing usable came back: it may or may not have been carried out. */
  | {
      readonly kind: 'unanswered';
      readonly message: string;
      readonly cause: unknown;
      /** False where a repeat would meet the same: a certificate that does not fit, an answer that is too large. */
      readonly worthRepeating: boolean;
    };

/** Whether the server accepted it. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** Whether the same request may well be accepted a little later: too many requests, or trouble on the server's side. */
export function isPassing(status: number): boolean {
  return status === 429 || status === 408 || status >= 500;
}

/** The server's words about a refused request, from the Status object in the body. */
export function messageOf(status: number, body: unknown): string {
  const message = textAt(body, 'message')?.trim();
  return message ? `${message.slice(0, 1000)} (HTTP ${status})` : `HTTP ${status}`;
}

/** The fields that a 422 names as its causes. */
export function causesOf(body: unknown): readonly string[] {
  return listAt(body, 'details', 'causes').flatMap(cause => textAt(cause, 'field') ?? []);
}

/**
 * Milliseconds from the Retry-After header (seconds or a date, RFC 9110 section 10.2.3) or the retryAfterSeconds of a
 * Status; `now` is what a date is measured against.
 */
export function retryAfterOf(headers: Headers, body: unknown, now: number): number | undefined {
  const header = textAt(headers, 'retry-after')?.trim();
  if (header !== undefined && /^\d{1,6}$/.test(header)) return Number(header) * 1000;
  const date = dateOf(header);
  if (date !== undefined) return Math.max(0, date - now);
  const seconds = numberAt(body, 'details', 'retryAfterSeconds');
  return seconds === undefined || seconds <= 0 ? undefined : seconds * 1000;
}

export function dateOf(header: string | undefined): number | undefined {
  const date = Date.parse(header ?? '');
  return Number.isNaN(date) ? undefined : date;
}
