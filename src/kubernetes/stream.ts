import type { Clock } from '../ports.ts';
import { refuserOf } from './access.ts';
import { isSuccess } from './answer.ts';
import { at, numberAt, textAt } from './json.ts';
import { linesOf } from './lines.ts';
import type { Call } from './resource.ts';
import type { Transport } from './transport.ts';
import { failureOf, notPermitted } from './transport.ts';

/** Bookmarks come about once a minute, so a stream that says nothing for so many milliseconds is dead, whatever TCP thinks. */
const SILENCE = 90_000;
/** Bytes; no object of the API is larger than a few MiB. */
const LONGEST_LINE = 16 << 20;
const LONGEST_REFUSAL = 1 << 20;

/** What a watch stream says, and last of all why it is over. */
export type Told =
  | { readonly kind: 'event'; readonly type: string; readonly object: unknown }
  /** The server closed it, as it does from time to time. */
  | { readonly kind: 'closed' }
  /** 410: what came after our resourceVersion is no longer known. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'broken'; readonly message: string; readonly retryAfter: number | undefined };

export type End = Exclude<Told, { kind: 'event' }>;

export interface StreamOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly call: Call;
  readonly signal: AbortSignal;
}

/** One watch request and what comes of it; the last thing told is an `End`. Throws `NotPermitted` for a 403 that is meant. */
export async function* streamOf({ transport, clock, call, signal }: StreamOptions): AsyncGenerator<Told> {
  const cut = new AbortController();
  const abort = () => cut.abort(new Error('broken off'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  let heardAt = clock.elapsed();
  const heard = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      heardAt = clock.elapsed();
      yield chunk;
    }
  };
  void cutWhenSilent({ clock, cut, heardAt: () => heardAt });
  let refused: Error | undefined;
  try {
    const response = await transport.open(call, 'watches', cut.signal);
    if (isSuccess(response.statusCode)) {
      for await (const line of linesOf(heard(response.body), LONGEST_LINE)) {
        const told = eventOf(JSON.parse(line));
        yield told;
        if (told.kind !== 'event') return;
      }
      yield { kind: 'closed' };
      return;
    }
    const answer = await transport.answerOf(response, LONGEST_REFUSAL);
    const isRefused = answer.kind === 'answered' && answer.status === 403;
    if (isRefused && (await refuserOf(transport, call, answer)) !== undefined) refused = notPermitted(call, answer);
    else if (answer.kind === 'answered' && answer.status === 410) yield { kind: 'expired' };
    else yield { kind: 'broken', ...failureOf(answer) };
  } catch (error) {
    const reason = cut.signal.aborted ? cut.signal.reason : error;
    const message = reason instanceof Error && reason.message !== '' ? reason.message : 'the connection failed';
    yield { kind: 'broken', message, retryAfter: undefined };
  } finally {
    signal.removeEventListener('abort', abort);
    cut.abort();
  }
  if (refused !== undefined) throw refused;
}

function eventOf(event: unknown): Told {
  const type = textAt(event, 'type') ?? '';
  const object = at(event, 'object');
  if (type !== 'ERROR') return { kind: 'event', type, object };
  if (numberAt(object, 'code') === 410) return { kind: 'expired' };
  return {
    kind: 'broken',
    message: textAt(object, 'message')?.slice(0, 1000) ?? 'the server ended it with an error',
    retryAfter: undefined,
  };
}

/** Returns when the stream was cut, by us or otherwise. */
async function cutWhenSilent(stream: {
  readonly clock: Clock;
  readonly cut: AbortController;
  readonly heardAt: () => number;
}): Promise<void> {
  const { clock, cut, heardAt } = stream;
  while (!cut.signal.aborted) {
    const left = heardAt() + SILENCE - clock.elapsed();
    if (left <= 0) cut.abort(new Error(`nothing heard for ${SILENCE / 1000} s`));
    else await clock.sleep(left, cut.signal);
  }
}
