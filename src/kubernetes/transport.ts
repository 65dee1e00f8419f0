import type { Dispatcher } from 'undici';
import type { Clock } from '../ports.ts';
import { NotPermitted, OutOfReach } from '../ports.ts';
import { refuserOf } from './access.ts';
import type { Answer } from './answer.ts';
import { dateOf, isPassing, isSuccess, messageOf, retryAfterOf } from './answer.ts';
import { parseJson, readText, UselessBody } from './body.ts';
import type { Connection, Session } from './connection.ts';
import type { Call } from './resource.ts';
import { describeCall, methodOf, pathOf, permissionOf } from './resource.ts';

/** How long to wait for one answer and for all repeats of a read together, in milliseconds; and how many bytes to take. */
export interface Limits {
  readonly deadline: number;
  readonly patience: number;
  readonly bytes: number;
}

export const ONE_OBJECT: Limits = { deadline: 10_000, patience: 60_000, bytes: 4 << 20 };
/** What fits into a small Pod while it is parsed; where objects are large, pages get smaller (lists.ts). */
export const ONE_PAGE: Limits = { deadline: 60_000, patience: 120_000, bytes: 16 << 20 };
/** A dry run waits for webhooks, one after the other, up to 30 s for each. */
export const ONE_TRIAL: Limits = { deadline: 40_000, patience: 0, bytes: 4 << 20 };
/** A little more than the `timeout=10s` that the server is given, so that it is the server who gives up first. */
export const ONE_WRITE: Limits = { deadline: 12_000, patience: 0, bytes: 4 << 20 };

/** The answer to a read: the object, or that there is none (404), or that the list has to be begun again (410). */
export type Reply = Extract<Answer, { kind: 'answered' }>;

export interface TransportOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** How long a read may be repeated in all, in milliseconds, where that is less than usual. */
  readonly patience?: number | undefined;
  /** Once it aborts, no read is repeated any more: the process has to end soon. */
  readonly interrupted?: AbortSignal | undefined;
  /** Told of every failure that is followed by a repeat. */
  readonly onTrouble?: ((message: string) => void) | undefined;
  /** From 0 to 1, for jitter. */
  readonly random?: (() => number) | undefined;
}

/** Sends requests to the API server: deadlines, bounded answers, one renewal of credentials, and repeats of reads. */
export class Transport {
  /** How many requests went out, by `VERB RESOURCE`. */
  readonly requests = new Map<string, number>();
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #onTrouble: (message: string) => void;
  readonly #random: () => number;
  readonly #closed = new AbortController();
  readonly #interrupted: AbortSignal;
  readonly #patience: number;

  constructor(options: TransportOptions) {
    const { connection, clock, interrupted, patience, onTrouble = () => {}, random = Math.random } = options;
    this.#patience = patience ?? Number.POSITIVE_INFINITY;
    this.#interrupted = interrupted ?? this.#closed.signal;
    this.#connection = connection;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
    this.#random = random;
  }

  /**
   * Asks again and again while that can help. Returns a success, a 404, or the 410 of a list; throws `NotPermitted`
   * for a 403 that is meant and `OutOfReach` for anything else, also when the signal aborts.
   */
  async read(call: Call, limits: Limits = ONE_OBJECT, signal: AbortSignal = this.#closed.signal): Promise<Reply> {
    let begin = this.#clock.elapsed();
    const patience = Math.min(limits.patience, this.#patience);
    // A page may take a minute, which a process that was told to end does not have.
    const breakable = call.verb === 'list' && !this.#interrupted.aborted;
    const broken = breakable ? AbortSignal.any([signal, this.#interrupted]) : signal;
    for (let attempt = 0; ; attempt++) {
      const sent = this.#clock.elapsed();
      const answer = await this.attempt(call, limits, broken);
      // A process that stood still (SIGSTOP, a machine that slept) has not waited for so long.
      begin += Math.max(0, this.#clock.elapsed() - sent - limits.deadline);
      if (answer.kind === 'answered') {
        const { status } = answer;
        if (isSuccess(status) || status === 404 || (status === 410 && call.verb === 'list')) return answer;
      }
      const refused = answer.kind === 'answered' && answer.status === 403 ? answer : undefined;
      const isUnsure = refused !== undefined && (await refuserOf(this, call, refused)) === undefined;
      const { message, cause, again, retryAfter } = failureOf(answer);
      const wait = Math.max(this.backoff(attempt), retryAfter ?? 0);
      const over = signal.aborted || this.#interrupted.aborted;
      if (!(again || isUnsure) || over || this.#clock.elapsed() - begin + wait > patience) {
        if (refused !== undefined) throw notPermitted(call, refused);
        throw new OutOfReach(`no usable answer from the API server to "${describeCall(call)}": ${message}`, { cause });
      }
      this.trouble(call, message);
      await this.#clock.sleep(wait, AbortSignal.any([signal, this.#interrupted]));
    }
  }

  /** Sends it once; a second time only after a 401, which says that nothing was done. Never throws. */
  async attempt(call: Call, limits: Limits = ONE_OBJECT, signal: AbortSignal = this.#closed.signal): Promise<Answer> {
    const deadline = new AbortController();
    const done = new AbortController();
    const abort = () => deadline.abort(new Error('broken off'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    void this.#expire(deadline, limits.deadline, done.signal);
    try {
      return await this.answerOf(await this.open(call, 'requests', deadline.signal), limits.bytes);
    } catch (error) {
      return { kind: 'unanswered', message: wordsOf(error), cause: error, worthRepeating: !isLasting(error) };
    } finally {
      done.abort();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Aborts when the process was told to end: for what is of no use to it then. */
  get interrupted(): AbortSignal {
    return this.#interrupted;
  }

  /** Breaks off everything that is under way; nothing can be sent afterwards. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#connection.close();
  }

  /** Says what went wrong before it is tried again. */
  trouble(call: Call, message: string): void {
    this.#onTrouble(`${describeCall(call)}: ${message}`);
  }

  /** The response with its body still to be read. Throws when there is none. */
  async open(call: Call, agent: 'requests' | 'watches', signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const session = await unlessAborted(this.#connection.session(), signal);
    const response = await this.#send(call, session, { agent, signal });
    if (response.statusCode !== 401) return response;
    await response.body.dump();
    const renewed = await unlessAborted(this.#connection.renew(session), signal);
    return this.#send(call, renewed, { agent, signal });
  }

  /** Reads the response to its end. Throws when it is too large, broken off, or a success that is no JSON. */
  async answerOf({ statusCode, headers, body }: Dispatcher.ResponseData, bytes: number): Promise<Answer> {
    const json = parseJson(await readText(body, bytes));
    if (json === undefined && isSuccess(statusCode))
      throw new UselessBody('the answer is no JSON: is this a Kubernetes API server?');
    return {
      kind: 'answered',
      status: statusCode,
      body: json,
      date: dateOf(headers['date']?.toString()),
      retryAfter: retryAfterOf(headers, json, this.#clock.now()),
    };
  }

  /** Milliseconds before the repeat after so many failures: doubling from a quarter of a second to ten, with jitter. */
  backoff(failures: number): number {
    return Math.min(10_000, 250 * 2 ** failures) * (0.5 + this.#random() / 2);
  }

  async #expire(deadline: AbortController, milliseconds: number, done: AbortSignal): Promise<void> {
    await this.#clock.sleep(milliseconds, done);
    if (!done.aborted) deadline.abort(new Error(`no answer within ${milliseconds / 1000} s`));
  }

  #send(
    call: Call,
    session: Session,
    { agent, signal }: { readonly agent: 'requests' | 'watches'; readonly signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> {
    const counter = `${call.verb} ${call.resource.name}`;
    this.requests.set(counter, (this.requests.get(counter) ?? 0) + 1);
    const { server } = this.#connection;
    return session[agent].request({
      origin: server.origin,
      // A server behind a gateway may live below a path.
      path: server.pathname.replace(/\/+$/, '') + pathOf(call),
      method: methodOf(call),
      headers: { ...session.headers, ...headersOf(call) },
      body: call.body === undefined ? null : Buffer.from(JSON.stringify(call.body)),
      signal,
    });
  }
}

/** The missing right, with the server's words as its cause. */
export function notPermitted(call: Call, { status, body }: Reply): NotPermitted {
  return new NotPermitted(permissionOf(call), { cause: new Error(messageOf(status, body)) });
}

/** What an answer that is no success means for a repeat. */
export function failureOf(answer: Answer): {
  readonly message: string;
  readonly cause: unknown;
  readonly again: boolean;
  readonly retryAfter: number | undefined;
} {
  if (answer.kind === 'unanswered') return { ...answer, again: answer.worthRepeating, retryAfter: undefined };
  const { status, body, retryAfter } = answer;
  const message = status === 401 ? 'it does not accept our credentials (HTTP 401)' : messageOf(status, body);
  return { message, cause: undefined, again: isPassing(status), retryAfter };
}

function headersOf(call: Call): Record<string, string> {
  const patch = Array.isArray(call.body) ? 'application/json-patch+json' : 'application/merge-patch+json';
  const type = call.verb === 'patch' ? patch : 'application/json';
  return {
    accept: call.metadataOnly === true ? METADATA : 'application/json',
    // Compressing costs the server and us more than loopback and cluster networks save.
    'accept-encoding': 'identity',
    'user-agent': 'nightshift',
    ...(call.body === undefined ? {} : { 'content-type': type }),
  };
}

const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

/** Whatever comes first: the value, or the signal's reason. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return wordsOf(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : 'the connection failed';
}

/** Certificates do not come to fit by themselves, nor do answers shrink. */
function isLasting(error: unknown): boolean {
  if (error instanceof UselessBody) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(CERT_|ERR_TLS_CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code);
}
