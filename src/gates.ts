import { formatDuration } from './domain/duration.ts';
import { typicalRollout } from './domain/ledger.ts';
import { isStronger, type Ending } from './domain/report.ts';
import { unreachable } from './domain/model.ts';
import type { WindowState } from './domain/window.ts';
import type { Hold, Loss } from './hold.ts';
import type { Observed } from './observed.ts';
import { NotPermitted, OutOfReach, wordsOf, type Announcer, type Clock } from './ports.ts';
import { until } from './domain/report.ts';

type OpenWindow = WindowState & { readonly kind: 'open' };

/** What must hold before each start and each PATCH attempt. */
export class Gates {
  readonly #clock: Clock;
  readonly #hold: Hold;
  readonly #observed: Observed;
  readonly #announcer: Announcer;
  readonly #windowAt: (now: number) => WindowState;
  #ending: Ending | undefined;
  /** The same for what is in flight: that the time is too short for another start is no reason not to go on. */
  #endingInFlight: Ending | undefined;
  /** The window when it was last seen open, and since when that is known: it holds until it closes. */
  #seenOpen: { readonly since: number; readonly window: OpenWindow };
  #started: boolean;

  constructor(world: {
    readonly clock: Clock;
    readonly hold: Hold;
    readonly observed: Observed;
    readonly announcer: Announcer;
    readonly windowAt: (now: number) => WindowState;
    /** As the run saw it. */
    readonly window: OpenWindow;
    /** Something was started in this occurrence before this run. */
    readonly started: boolean;
  }) {
    this.#clock = world.clock;
    this.#hold = world.hold;
    this.#observed = world.observed;
    this.#announcer = world.announcer;
    this.#windowAt = world.windowAt;
    // It is looked at again at the first check: the clock may have jumped back since.
    this.#seenOpen = { since: Number.POSITIVE_INFINITY, window: world.window };
    this.#started = world.started;
  }

  /** Why nothing new starts any more, undefined while starts are allowed. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Why no more is done to what is in flight, undefined while it goes on. */
  get endingInFlight(): Ending | undefined {
    return this.#endingInFlight;
  }

  /**
   * Closes the gates for good, and abandons what is in flight where the ending asks for it. The strongest reason
   * stands, because it decides the exit code; of equals the first.
   */
  close(ending: Ending): void {
    const closed = this.#ending;
    this.#ending = strongerOf(closed, ending);
    if (ending.kind !== 'notEnoughTime') this.#endingInFlight = strongerOf(this.#endingInFlight, ending);
    if (closed === undefined) this.#announcer.tell({ kind: 'ending', ending });
    if (abandonsFlights(ending)) this.#observed.close();
    else this.#observed.wake();
  }

  /** Resolves to undefined when a start may go out right now, else to the reason why none does for the rest of the run. */
  check(first = this.isFirst): Promise<Ending | undefined> {
    return this.#checked(() => this.#ending, first);
  }

  /** The same before more is done to what is in flight already. */
  checkInFlight(): Promise<Ending | undefined> {
    return this.#checked(() => this.#endingInFlight, true);
  }

  async #checked(ending: () => Ending | undefined, first: boolean): Promise<Ending | undefined> {
    for (;;) {
      if (ending() === undefined) this.#look(first);
      if (ending() !== undefined || this.#hold.isFresh()) return ending();
      await this.#hold.save();
    }
  }

  /** Nothing was started in this occurrence yet: whoever comes first ignores how much time is left. */
  get isFirst(): boolean {
    return !this.#started;
  }

  /** A start goes out: from now on only those that are likely to end before the window does. */
  started(): void {
    this.#started = true;
  }

  /** A phrase when the window closed before now, undefined while it is open. */
  overrun(): string | undefined {
    const now = this.#clock.now();
    if (this.#windowNow(now).kind === 'open') return undefined;
    const { closesAt } = this.#seenOpen.window;
    return `overrun: ${formatDuration(Math.floor((now - closesAt) / 1000) * 1000)} after the window closed`;
  }

  /** Whether the window will have closed after so many milliseconds, so that waiting for it makes no sense. */
  closesWithin(milliseconds: number): boolean {
    const now = this.#clock.now();
    const window = this.#windowNow(now);
    return window.kind === 'closed' || now + milliseconds >= window.closesAt;
  }

  #windowNow(now: number): WindowState {
    const seen = this.#seenOpen;
    if (now >= seen.since && now < seen.window.closesAt) return seen.window;
    const window = this.#windowAt(now);
    if (window.kind === 'open') this.#seenOpen = { since: now, window };
    return window;
  }

  #look(first: boolean): void {
    const { checkpoint, loss } = this.#hold;
    if (loss !== undefined) this.close(endingOf(loss));
    else if (checkpoint.stop !== null) this.close({ kind: 'stopped', detail: `stopped: ${checkpoint.stop.detail}` });
    else {
      const closed = this.#closed(first);
      if (closed !== undefined) this.close(closed);
    }
  }

  #closed(first: boolean): Ending | undefined {
    const now = this.#clock.now();
    const window = this.#windowNow(now);
    if (window.kind === 'closed') {
      const again =
        window.opensAt === undefined ? 'it does not open again' : `it opens in ${until(window.opensAt, now)}`;
      return { kind: 'windowClosed', detail: `the window closed, ${again}` };
    }
    const typical = typicalRollout(this.#hold.checkpoint);
    if (!first && typical !== undefined && now + typical > window.closesAt) {
      const left = formatDuration(Math.floor((window.closesAt - now) / 1000) * 1000);
      return {
        kind: 'notEnoughTime',
        detail: `the window closes in ${left}, a rollout takes ${formatDuration(Math.ceil(typical / 1000) * 1000)}`,
      };
    }
    return undefined;
  }
}

const strongerOf = (closed: Ending | undefined, ending: Ending): Ending =>
  closed === undefined || isStronger(ending, closed) ? ending : closed;

/** Whether what is in flight is left to the next run, instead of being awaited. */
function abandonsFlights({ kind }: Ending): boolean {
  return kind === 'terminated' || kind === 'holdLost' || kind === 'error' || kind === 'notPermitted';
}

/** What a lost hold means for the run. */
export function endingOf(loss: Loss): Ending {
  switch (loss.kind) {
    case 'takenOver':
      return { kind: 'holdLost', detail: loss.detail };
    case 'missing':
    case 'unreadable':
      return { kind: 'checkpointUnusable', detail: loss.detail };
    case 'notPermitted':
      return { kind: 'notPermitted', detail: loss.detail };
    case 'outOfReach':
    case 'error':
      return { kind: 'error', detail: loss.detail };
    default:
      return unreachable(loss.kind);
  }
}

/**
 * What an error means for the run: exit 4 for a missing right, else 1; a read that was broken off because the process was
 * told to end is that end. One that nobody foresaw is told with its stack.
 */
export function endingOfError(error: unknown, announcer: Announcer, interrupted?: AbortSignal): Ending {
  const detail = wordsOf(error);
  if (error instanceof OutOfReach && interrupted?.aborted === true) return TERMINATED;
  if (error instanceof NotPermitted) return { kind: 'notPermitted', detail };
  if (!(error instanceof OutOfReach)) announcer.tell({ kind: 'unexpected', error });
  return { kind: 'error', detail };
}

/** SIGTERM, or Ctrl-C. */
export const TERMINATED: Ending = { kind: 'terminated', detail: 'told to end; the next run resumes' };
