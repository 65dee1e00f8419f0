import { OutOfReach } from '../../src/ports.ts';
import type { Accident, Process } from './process.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

const SECOND = 1_000;
/** The API server gives a write up after so long: no effect after that. */
const SERVER_TIMEOUT = 10 * SECOND;
/** We give it up after so long. */
const DEADLINE = 12 * SECOND;
/** A read is repeated inside for so long. */
const PATIENCE = 60 * SECOND;

type Trouble =
  | 'slow'
  | 'answerLost'
  | 'requestLost'
  | 'reset'
  | 'tooMany'
  | 'unavailable'
  | 'gatewayTimeout'
  | 'conflict';
const TROUBLES: readonly (readonly [number, Trouble])[] = [
  [4, 'slow'],
  [4, 'answerLost'],
  [2, 'requestLost'],
  [4, 'reset'],
  [2, 'tooMany'],
  [2, 'unavailable'],
  [2, 'gatewayTimeout'],
  [3, 'conflict'],
];

/** One attempt to change something. */
export interface Write<Answer> {
  readonly what: string;
  /** What the API server does with it, at one instant. */
  readonly effect: () => Answer;
  readonly unanswered: (message: string, retryAfter: number | undefined) => Answer;
  readonly conflict: Answer;
  /** What the process can tell once the answer is there. */
  readonly arrives?: (answer: Answer) => void;
}

/** Between the processes and the API server: delays, reorders, loses requests and answers. */
export class Network {
  /** The probability that a request meets trouble. */
  trouble = 0;
  /** Nothing gets through. */
  isDown = false;
  /** Writes take long, reads do not. */
  isSluggish = false;
  /** News takes long. */
  isStalled = false;
  /** It has met trouble, ever. */
  isRough = false;
  /** Of what kind, and how often. */
  readonly met: Map<string, number>;
  /** What is to happen to a process whose accident is due. */
  onAccident: (process: Process, accident: Accident) => void = () => undefined;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #trace: Trace;

  constructor(world: {
    readonly timeline: Timeline;
    readonly random: Random;
    readonly trace: Trace;
    readonly met: Map<string, number>;
  }) {
    this.#timeline = world.timeline;
    this.#random = world.random;
    this.#trace = world.trace;
    this.met = world.met;
  }

  write<Answer>(process: Process, write: Write<Answer>): Promise<Answer> {
    return new Promise(resolve => {
      const accident = this.#begin(process);
      const arrive = (after: number, answer: () => Answer): void => {
        this.#timeline.after(after, () =>
          process.deliver(() => {
            process.pending--;
            const told = answer();
            write.arrives?.(told);
            resolve(told);
          }),
        );
      };
      this.#leave(process, accident, () => this.#carry(process, write, { accident, arrive }));
    });
  }

  /** A read that is repeated until it gets an answer, or throws `OutOfReach`. */
  read<Answer>(process: Process, what: string, effect: () => Answer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const accident = this.#begin(process);
      this.#leave(process, accident, () => {
        const isBad = this.isDown || this.#random.chance(this.trouble);
        const isHopeless = this.isDown || (isBad && this.#random.chance(0.15));
        if (isHopeless) {
          this.#count('unread');
          const patience = process.interruption.signal.aborted ? SECOND : this.#random.int(SECOND, PATIENCE);
          this.#timeline.after(patience, () =>
            process.deliver(() => {
              process.pending--;
              this.#trace.say(process.run, () => `${what}: out of reach`);
              reject(new OutOfReach(`no usable answer to ${what}`));
            }),
          );
          return;
        }
        if (isBad) this.#count('slow');
        const way = isBad ? this.#random.int(100, 15 * SECOND) : this.#way();
        this.#timeline.after(way, () => {
          const answer = effect();
          this.#happen(process, accident, 'effect');
          this.#timeline.after(isBad ? this.#random.int(100, 5 * SECOND) : this.#way(), () =>
            process.deliver(() => {
              process.pending--;
              resolve(answer);
            }),
          );
        });
      });
    });
  }

  #begin(process: Process): Accident | undefined {
    process.pending++;
    process.calls++;
    return process.accident?.call === process.calls ? process.accident : undefined;
  }

  /** A request that a process was about to send leaves when it wakes. */
  #leave(process: Process, accident: Accident | undefined, carry: () => void): void {
    this.#happen(process, accident, 'before');
    if (process.state === 'alive') carry();
    else process.deliver(carry);
    this.#happen(process, accident, 'sent');
  }

  #happen(process: Process, accident: Accident | undefined, moment: Accident['moment']): void {
    if (accident?.moment === moment) this.onAccident(process, accident);
  }

  #carry<Answer>(
    process: Process,
    { what, effect, unanswered, conflict }: Write<Answer>,
    way: {
      readonly accident: Accident | undefined;
      readonly arrive: (after: number, answer: () => Answer) => void;
    },
  ): void {
    const { arrive, accident } = way;
    const random = this.#random;
    const say = (words: string): void => this.#trace.say(process.run, () => `${what}: ${words}`);
    const takesEffect = (after: number): { answer: Answer | undefined } => {
      const done: { answer: Answer | undefined } = { answer: undefined };
      this.#timeline.after(after, () => {
        done.answer = effect();
        this.#happen(process, accident, 'effect');
      });
      return done;
    };
    const nothing = (message: string, retryAfter?: number) => (): Answer => {
      say(message);
      return unanswered(message, retryAfter);
    };
    const trouble = this.isDown ? 'requestLost' : random.chance(this.trouble) ? random.weighted(TROUBLES) : undefined;
    if (trouble !== undefined) this.#count(trouble);
    switch (trouble) {
      case undefined: {
        const [out, back] = this.isSluggish ? this.#slowly() : [this.#way(), this.#way()];
        const done = takesEffect(out);
        return arrive(out + back, () => done.answer ?? conflict);
      }
      case 'slow': {
        const [out, back] = [random.int(100, SERVER_TIMEOUT - 100), random.int(100, 5 * SECOND)];
        const done = takesEffect(out);
        if (out + back > DEADLINE) return arrive(DEADLINE, nothing('no answer within 12 s'));
        return arrive(out + back, () => done.answer ?? conflict);
      }
      case 'answerLost': {
        const out = random.int(5, SERVER_TIMEOUT - 100);
        takesEffect(out);
        return arrive(random.chance(0.5) ? DEADLINE : out + 20, nothing('the answer is lost'));
      }
      case 'requestLost':
        return arrive(DEADLINE, nothing('no answer within 12 s, it never arrived'));
      case 'reset': {
        // The connection breaks while the request goes on its way.
        takesEffect(random.int(5, SERVER_TIMEOUT - 100));
        return arrive(random.int(1, 5), nothing('the connection broke'));
      }
      case 'tooMany':
        return arrive(2 * this.#way(), nothing('429', random.int(1, 30) * SECOND));
      case 'unavailable':
        return arrive(2 * this.#way(), nothing(random.pick(['500', '503'])));
      case 'gatewayTimeout': {
        if (random.chance(0.5)) takesEffect(random.int(5, SERVER_TIMEOUT - 100));
        return arrive(SERVER_TIMEOUT, nothing('504'));
      }
      case 'conflict':
        return arrive(2 * this.#way(), () => {
          say('409, for nothing');
          return conflict;
        });
    }
  }

  /** Milliseconds one way when all is well. */
  #way(): number {
    return this.#random.int(2, 40);
  }

  #slowly(): readonly [number, number] {
    this.isRough = true;
    return [this.#random.int(2_000, SERVER_TIMEOUT - 100), this.#random.int(2, 2_000)];
  }

  #count(kind: string): void {
    this.isRough = true;
    this.met.set(kind, (this.met.get(kind) ?? 0) + 1);
  }
}
