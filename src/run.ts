import { isOpen, type Checkpoint } from './domain/checkpoint.ts';
import { formatInstant } from './domain/instant.ts';
import { stopInForce } from './domain/ledger.ts';
import { mayReplace } from './domain/policy.ts';
import { wantOf } from './domain/want.ts';
import { makeReport, until, type Ending, type Facts, type Report } from './domain/report.ts';
import type { WindowState } from './domain/window.ts';
import { endingOf, endingOfError, TERMINATED } from './gates.ts';
import { tidyUp } from './off-hours.ts';
import { readCheckpoint, takeHold } from './hold.ts';
import { readPolicy } from './read-policy.ts';
import { sweep } from './sweep.ts';
import { windowsOf, type ConnectedWorld, type OpenWindow, type Wishes, type World } from './world.ts';

/** policy -> window -> hold -> inventory -> verdicts -> plan -> execute -> report. Throws `InvalidPolicy`. */
export async function run(world: World, wishes: Wishes): Promise<Report> {
  const policy = await readPolicy(world.policySource);
  const now = world.clock.now();
  const windowOf = windowsOf(policy, wishes, now);
  const window = windowOf(now);
  if (window.kind === 'closed') {
    const tidied = mayReplace(policy) ? await tidyUp(world, wishes) : [];
    return nothingDone(wishes, window, 'kind' in tidied ? tidied : windowClosed(window, now, tidied));
  }
  if (wishes.ignoreWindow) world.announcer.tell({ kind: 'windowIgnored' });

  const ports = world.connect();
  try {
    return await runInWindow({ ...world, ...ports }, wishes, { policy, window, windowOf });
  } catch (error) {
    // Before the hold was taken: nothing is in flight, nothing to give back.
    return nothingDone(wishes, window, endingOfError(error, world.announcer, world.interrupted));
  }
}

async function runInWindow(world: ConnectedWorld, wishes: Wishes, open: OpenWindow): Promise<Report> {
  const { policy, window } = open;
  const { store } = world;
  const read = await readCheckpoint(store);
  if (read.kind === 'unusable') return nothingDone(wishes, window, { kind: 'checkpointUnusable', detail: read.detail });
  const stopped = stoppedBefore(read.checkpoint, { policy, want: wantOf(policy), occurrence: window.occurrence });
  if (stopped !== undefined) return nothingDone(wishes, window, stopped);
  const taken = await takeHold(read, wishes.holder, world);
  if (taken.kind === 'heldByAnother') return nothingDone(wishes, window, taken);
  if (taken.kind === 'interrupted') return nothingDone(wishes, window, TERMINATED);
  if (taken.kind === 'lost') return nothingDone(wishes, window, endingOf(taken.loss));
  const held = { ...world, ...open, wishes, hold: taken.hold, before: read.checkpoint };
  return sweep(held);
}

function windowClosed(
  window: WindowState & { readonly kind: 'closed' },
  now: number,
  tidied: readonly string[],
): Ending {
  const why = window.why === 'denied' ? `closed by ${window.denyName}` : 'closed';
  const opens =
    window.opensAt === undefined
      ? 'and does not open again'
      : `opens ${formatInstant(window.opensAt)}, in ${until(window.opensAt, now)}`;
  return { kind: 'windowClosed', detail: [`the window is ${why}, ${opens}`, ...tidied].join('; ') };
}

/** A stop outlives its run. Starts that nobody saw end are awaited all the same. */
function stoppedBefore(checkpoint: Checkpoint, now: Parameters<typeof stopInForce>[1]): Ending | undefined {
  const stop = stopInForce(checkpoint, now);
  if (stop === undefined || checkpoint.starts.some(isOpen)) return undefined;
  const goesOn =
    stop.why === 'failures' && now.policy.onFailure.resume === 'nextWindow'
      ? 'the next opening of the window goes on, or nightshift resume'
      : 'nightshift resume goes on';
  return { kind: 'stoppedBefore', detail: `stopped at ${stop.at}: ${stop.detail}; ${goesOn}` };
}

function nothingDone({ holder }: Wishes, window: WindowState, ending: Ending): Report {
  const facts: Facts = {
    run: holder.run,
    window,
    sweep: null,
    left: [],
    outcomes: [],
    remaining: 0,
    ending,
    notPermitted: [],
  };
  return makeReport(facts);
}
