import type { Clock } from '../ports.ts';
import { isSuccess } from './answer.ts';
import { EVENTS } from './resource.ts';
import type { Transport } from './transport.ts';
import { failureOf, ONE_WRITE } from './transport.ts';

/** What `kubectl describe` and `kubectl get events` show. */
export interface NewEvent {
  readonly namespace: string;
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, at most 128 characters. */
  readonly reason: string;
  readonly message: string;
}

/** The API server refuses longer messages. */
const LONGEST_MESSAGE = 1024;

/** Tells the namespace of the object what happened to it. */
export class Events {
  readonly #transport: Transport;
  readonly #clock: Clock;
  /** The Pod of this run, or another name for it. */
  readonly #instance: string;

  constructor(transport: Transport, clock: Clock, instance: string) {
    this.#transport = transport;
    this.#clock = clock;
    this.#instance = instance;
  }

  /** One attempt. Returns why it was not created, undefined when it was; never throws. */
  async create({ namespace, regarding, type, reason, message }: NewEvent): Promise<string | undefined> {
    const time = new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace, generateName: `${regarding.name.slice(0, 200)}.` },
      involvedObject: { ...regarding, namespace },
      type,
      reason,
      message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 1)}…` : message,
      source: { component: 'nightshift' },
      reportingComponent: 'nightshift',
      reportingInstance: this.#instance,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    const answer = await this.#transport.attempt({ verb: 'create', resource: EVENTS, namespace, body }, ONE_WRITE);
    return answer.kind === 'answered' && isSuccess(answer.status) ? undefined : failureOf(answer).message;
  }
}
