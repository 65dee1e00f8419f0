import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './domain/checkpoint.ts';
import {
  NotPermitted,
  OutOfReach,
  type Announcer,
  type CheckpointStore,
  type Clock,
  type HolderPod,
  wordsOf,
} from './ports.ts';

/**
 * The hold on the checkpoint: who may restart. Every save is conditional on the version that we read or wrote last, so
 * two runs can never both believe in the same one.
 */

/** No PATCH goes out on a save that was acknowledged longer ago than this. */
const FRESH = 30_000;
/** A save at least this often keeps the hold fresh with room for one slow answer. */
const RENEWAL = 15_000;
/** How long the version of a holder that cannot be asked must stand still, on our clock. Twice FRESH: its clock and ours may run apart. */
const STANDSTILL = 60_000;
const POLL = 10_000;
/** A checkpoint that could not be saved for so long ends the run. */
const OUT_OF_REACH = 120_000;
/** The same once the process was told to end: the kubelet kills it soon. */
const HURRY = 20_000;
const BACKOFF = 1_000;
/** No save is waited for longer, unless the whole process stood still (SIGSTOP, a machine that slept). */
const LONGEST_ANSWER = 15_000;

export interface Holder {
  readonly run: string;
  readonly pod: HolderPod | undefined;
}

export interface HoldWorld {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly announcer: Announcer;
  /** Aborts when the process is told to end. */
  readonly interrupted: AbortSignal;
}

export type Taken =
  | { readonly kind: 'held'; readonly hold: Hold }
  | { readonly kind: 'heldByAnother'; readonly detail: string }
  /** Told to end while waiting for another holder. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'lost'; readonly loss: Loss };

/** How the hold ended before the run did. `outOfReach` may still be ours on the server: nobody else has it for sure. */
export interface Loss {
  readonly kind: 'takenOver' | 'missing' | 'unreadable' | 'outOfReach' | 'notPermitted' | 'error';
  readonly detail: string;
}

export type Read =
  | { readonly kind: 'read'; readonly checkpoint: Checkpoint; readonly resourceVersion: string }
  | { readonly kind: 'unusable'; readonly detail: string };

/** The checkpoint as it stands, or one sentence on why it cannot be used and what to do. */
export async function readCheckpoint(store: CheckpointStore): Promise<Read> {
  const stored = await store.read();
  if (stored.kind === 'missing') return { kind: 'unusable', detail: missing(store.identity) };
  const decoded = decodeCheckpoint(stored.text);
  return decoded.kind === 'checkpoint'
    ? { kind: 'read', checkpoint: decoded.checkpoint, resourceVersion: stored.resourceVersion }
    : { kind: 'unusable', detail: refusal(store.identity, decoded.problem) };
}

/**
 * Takes the hold on a checkpoint as it was read: at once when nobody has it or the holder's container is known to be
 * terminated, otherwise after it stood still for a minute (a Pod on a lost node says for long that it runs). A crash
 * right after is seen by the next run as a holder that is gone.
 */
export async function takeHold(read: Read & { readonly kind: 'read' }, me: Holder, world: HoldWorld): Promise<Taken> {
  const { checkpoint, resourceVersion } = read;
  if (checkpoint.hold !== null) {
    const blocked = await awaitHolder(checkpoint.hold, resourceVersion, world);
    if (blocked !== undefined) return blocked;
  }
  const hold = new Hold(me, world, read);
  hold.change(before => ({
    ...before,
    hold: { run: me.run, ...(me.pod === undefined ? {} : { pod: { name: me.pod.name, uid: me.pod.uid } }) },
  }));
  await hold.save();
  const { loss } = hold;
  if (loss === undefined) return { kind: 'held', hold };
  if (loss.kind !== 'takenOver') return { kind: 'lost', loss };
  return { kind: 'heldByAnother', detail: 'another run took the checkpoint at the same time' };
}

/** Undefined when the holder is gone, else why the hold cannot be taken. */
async function awaitHolder(
  holder: NonNullable<Checkpoint['hold']>,
  resourceVersion: string,
  { store, clock, announcer, interrupted }: HoldWorld,
): Promise<Exclude<Taken, { kind: 'held' }> | undefined> {
  const name = holder.pod === undefined ? `run ${holder.run}` : `run ${holder.run} in Pod ${holder.pod.name}`;
  if (holder.pod !== undefined) {
    if ((await store.holder(holder.pod)) === 'terminated') return undefined;
  }
  announcer.tell({ kind: 'waitingForHold', holder: name, milliseconds: STANDSTILL });
  const began = clock.elapsed();
  while (clock.elapsed() - began < STANDSTILL) {
    await clock.sleep(Math.min(POLL, STANDSTILL - (clock.elapsed() - began)), interrupted);
    if (interrupted.aborted) return { kind: 'interrupted' };
    const stored = await store.read();
    if (stored.kind === 'missing') return { kind: 'lost', loss: { kind: 'missing', detail: missing(store.identity) } };
    if (stored.resourceVersion !== resourceVersion) return { kind: 'heldByAnother', detail: `${name} is active` };
  }
  return undefined;
}

export class Hold {
  readonly me: Holder;
  readonly #world: HoldWorld;
  #checkpoint: Checkpoint;
  #resourceVersion: string;
  /** When the last acknowledged save was sent, on the monotonic clock. */
  #acknowledged = Number.NEGATIVE_INFINITY;
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #loss: Loss | undefined;
  /** Runs before every save, for what must be looked at that often. */
  beforeSave: () => Promise<void> = () => Promise.resolve();
  /** What of the value in memory is saved. */
  asStored: (checkpoint: Checkpoint) => Checkpoint = checkpoint => checkpoint;
  /** Called once, when the hold is lost. */
  onLoss: (loss: Loss) => void = () => undefined;

  constructor(
    me: Holder,
    world: HoldWorld,
    from: { readonly checkpoint: Checkpoint; readonly resourceVersion: string },
  ) {
    this.me = me;
    this.#world = world;
    this.#checkpoint = from.checkpoint;
    this.#resourceVersion = from.resourceVersion;
  }

  /** With every change, saved or not. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint;
  }

  get loss(): Loss | undefined {
    return this.#loss;
  }

  /** Whether a PATCH may go out now. */
  isFresh(): boolean {
    return this.#loss === undefined && this.#world.clock.elapsed() - this.#acknowledged <= FRESH;
  }

  /** Changes the value in memory; the next save carries it. */
  change(update: (checkpoint: Checkpoint) => Checkpoint): void {
    this.#checkpoint = update(this.#checkpoint);
  }

  /** Resolves when everything changed so far is saved, or the hold is lost; never rejects. At most one is under way. */
  save(): Promise<void> {
    this.#next ??= this.#current.then(() => {
      this.#current = this.#next ?? Promise.resolve();
      this.#next = undefined;
      return this.#write();
    });
    return this.#next;
  }

  /** Saves until a PATCH may go out, or the hold is lost: who stood still in a save has a stale one right after it. */
  async freshen(): Promise<void> {
    while (this.#loss === undefined && !this.isFresh()) await this.save();
  }

  /** Saves every 15 s until the signal aborts, or the hold is lost. */
  async keepFresh(signal: AbortSignal): Promise<void> {
    const { clock } = this.#world;
    while (!signal.aborted && this.#loss === undefined) {
      const due = this.#acknowledged + RENEWAL - clock.elapsed();
      if (due > 0) await clock.sleep(due, signal);
      else await this.save();
    }
  }

  /** The last save: the next run takes over at once. */
  async release(update: (checkpoint: Checkpoint) => Checkpoint): Promise<void> {
    this.change(checkpoint => ({ ...update(checkpoint), hold: null }));
    await this.save();
  }

  async #write(): Promise<void> {
    if (this.#loss !== undefined) return;
    try {
      await this.beforeSave();
      await this.#writeUntilAcknowledged();
    } catch (error) {
      const detail = wordsOf(error);
      if (error instanceof NotPermitted) this.#lose({ kind: 'notPermitted', detail });
      else if (error instanceof OutOfReach) this.#lose({ kind: 'outOfReach', detail });
      else {
        this.#world.announcer.tell({ kind: 'unexpected', error });
        this.#lose({ kind: 'error', detail });
      }
    }
  }

  async #writeUntilAcknowledged(): Promise<void> {
    const { clock, announcer, store, interrupted } = this.#world;
    const number = this.#checkpoint.save.number + 1;
    const value = { ...this.#checkpoint, save: { run: this.me.run, number } };
    this.#checkpoint = value;
    const text = encodeCheckpoint(this.asStored(value));
    let began = clock.elapsed();
    for (let attempt = 1; this.#loss === undefined; attempt++) {
      const sent = clock.elapsed();
      const answer = await store.write(text, this.#resourceVersion);
      if (answer.kind === 'saved' || (answer.kind === 'conflict' && (await this.#isOurs(number)))) {
        if (answer.kind === 'saved') this.#resourceVersion = answer.resourceVersion;
        this.#acknowledged = sent;
        announcer.tell({ kind: 'saved', number });
        return;
      }
      if (answer.kind === 'missing') this.#lose({ kind: 'missing', detail: missing(store.identity) });
      if (answer.kind !== 'unanswered') continue;
      // Who stood still has not waited: another run may have the hold by now, which the next answer tells.
      began += Math.max(0, clock.elapsed() - sent - LONGEST_ANSWER);
      const patience = interrupted.aborted ? HURRY : OUT_OF_REACH;
      if (clock.elapsed() - began > patience) {
        this.#lose({ kind: 'outOfReach', detail: `the checkpoint could not be saved: ${answer.message}` });
      } else if (interrupted.aborted) await clock.sleep(BACKOFF);
      else await clock.sleep(Math.min(answer.retryAfter ?? BACKOFF * attempt, POLL), interrupted);
    }
  }

  /**
   * After a 409: true when it is our own lost answer. Our previous save with a changed label (a `helm upgrade`) is
   * written over; anything else is another run's, and the hold is lost.
   */
  async #isOurs(number: number): Promise<boolean> {
    const stored = await this.#world.store.read();
    const { identity } = this.#world.store;
    if (stored.kind === 'missing') {
      this.#lose({ kind: 'missing', detail: missing(identity) });
      return false;
    }
    if (stored.text === undefined && number > 1) {
      this.#lose({ kind: 'missing', detail: `the content of the ConfigMap ${identity} was deleted during the run` });
      return false;
    }
    const decoded = decodeCheckpoint(stored.text);
    if (decoded.kind === 'unusable') {
      this.#lose({ kind: 'unreadable', detail: refusal(identity, decoded.problem) });
      return false;
    }
    const { save } = decoded.checkpoint;
    const untouched =
      save.run === this.me.run ? save.number >= number - 1 : this.#isBeforeUs(decoded.checkpoint, number);
    if (!untouched) {
      this.#lose({ kind: 'takenOver', detail: `run ${save.run} took the checkpoint over` });
      return false;
    }
    this.#resourceVersion = stored.resourceVersion;
    return save.run === this.me.run && save.number === number;
  }

  /** The very first save of a run follows another run's: what we read may have got a label meanwhile. */
  #isBeforeUs(stored: Checkpoint, number: number): boolean {
    const first = this.#acknowledged === Number.NEGATIVE_INFINITY;
    return first && stored.save.number === number - 1 && stored.hold === null;
  }

  #lose(loss: Loss): void {
    if (this.#loss !== undefined) return;
    this.#loss = loss;
    this.onLoss(loss);
  }
}

/** One sentence for a person whose checkpoint is not there. */
export const missing = (identity: string): string =>
  `there is no ConfigMap ${identity}: name the release's namespace with --namespace and its checkpoint with --checkpoint; ` +
  'if it was deleted, helm upgrade makes a new one';

const refusal = (identity: string, problem: string): string =>
  `the checkpoint in ConfigMap ${identity} cannot be used: ${problem}. To start over (the workloads keep their records): ` +
  `nightshift reset --yes --namespace ${identity.replace('/', ' --checkpoint ')}`;
