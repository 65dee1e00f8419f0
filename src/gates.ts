import { formatDuration } from './domain/duration.ts';
import { typicalRollout } from './domain/ledger.ts';
import type { Ending } from './domain/report.ts';
import { unreachable } from './domain/model.ts';
import type { WindowState } from './domain/window.ts';
import type { Hold, Loss } from './hold.ts';
import type { Clock } from './ports.ts';
import { until } from './domain/report.ts';

type OpenWindow = WindowState & { readonly kind: 'open' };

/** What must hold before each start and each PATCH attempt (design.md section 4, step 7). */
export class Gates {
  readonly #clock: Clock;
  readonly #hold: Hold;
  readonly #windowAt: (now: number) => WindowState;
  #ending: Ending | undefined;
  /** The window when it was last seen open, and since when that is known: it holds until it closes. */
  #seenOpen: { readonly since: number; readonly window: OpenWindow } | undefined;
  #started: boolean;

  constructor(world: {
    readonly clock: Clock;
    readonly hold: Hold;
    readonly windowAt: (now: number) => WindowState;
    /** Something was started in this occurrence before this run. */
    readonly started: boolean;
  }) {
    this.#started = world.started;
    this.#clock = world.clock;
    this.#hold = world.hold;
    this.#windowAt = world.windowAt;
  }

  /** Why nothing new starts any more, undefined while starts are allowed. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Called once, with the reason, when the gates close. */
  onClose: (ending: Ending) => void = () => undefined;

  /** Closes the gates for good; the first reason stands. */
  close(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.onClose(ending);
  }

  /** Resolves to undefined when a start may go out right now, else to the reason why none does for the rest of the run. */
  async check(): Promise<Ending | undefined> {
    if (this.#look() === undefined && !this.#hold.isFresh()) await this.#hold.save();
    return this.#look();
  }

  /** A start went out: from now on only one that is likely to end before the window does. */
  started(): void {
    this.#started = true;
  }

  /** A phrase when the window closed before now, undefined while it is open. */
  overrun(): string | undefined {
    const now = this.#clock.now();
    const closedAt = this.#seenOpen?.window.closesAt ?? now;
    if (this.#windowNow(now).kind === 'open') return undefined;
    return `overrun: ${formatDuration(Math.floor((now - closedAt) / 1000) * 1000)} after the window closed`;
  }

  /** Whether the window will have closed after so many milliseconds, so that waiting for it makes no sense. */
  closesWithin(milliseconds: number): boolean {
    const now = this.#clock.now();
    const window = this.#windowNow(now);
    return window.kind === 'closed' || now + milliseconds >= window.closesAt;
  }

  #windowNow(now: number): WindowState {
    const seen = this.#seenOpen;
    if (seen !== undefined && now >= seen.since && now < seen.window.closesAt) return seen.window;
    const window = this.#windowAt(now);
    if (window.kind === 'open') this.#seenOpen = { since: now, window };
    return window;
  }

  #look(): Ending | undefined {
    const { checkpoint, loss } = this.#hold;
    if (loss !== undefined) this.close(endingOf(loss));
    else if (checkpoint.stop !== null) this.close({ kind: 'stopped', detail: `stopped: ${checkpoint.stop.detail}` });
    else {
      const closed = this.#closed();
      if (closed !== undefined) this.close(closed);
    }
    return this.#ending;
  }

  #closed(): Ending | undefined {
    const now = this.#clock.now();
    const window = this.#windowNow(now);
    if (window.kind === 'closed') {
      const again =
        window.opensAt === undefined ? 'it does not open again' : `it opens in ${until(window.opensAt, now)}`;
      return { kind: 'windowClosed', detail: `the window closed, ${again}` };
    }
    const typical = typicalRollout(this.#hold.checkpoint);
    if (this.#started && typical !== undefined && now + typical > window.closesAt) {
      const left = formatDuration(Math.floor((window.closesAt - now) / 1000) * 1000);
      return {
        kind: 'notEnoughTime',
        detail: `the window closes in ${left}, a rollout takes ${formatDuration(Math.ceil(typical / 1000) * 1000)}`,
      };
    }
    return undefined;
  }
}

/** What a lost hold means for the run. */
export function endingOf(loss: Loss): Ending {
  switch (loss.kind) {
    case 'takenOver':
      return { kind: 'holdLost', detail: loss.detail };
    case 'missing':
    case 'unreadable':
      return { kind: 'checkpointUnusable', detail: loss.detail };
    case 'outOfReach':
      return { kind: 'error', detail: loss.detail };
    default:
      return unreachable(loss.kind);
  }
}
