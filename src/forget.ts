import { decodeCheckpoint, EMPTY, encodeCheckpoint, type Checkpoint } from './domain/checkpoint.ts';
import { resume as withoutStop } from './domain/ledger.ts';
import { printable } from './domain/problem.ts';
import { exitCodeOf } from './domain/report.ts';
import { endingOf } from './gates.ts';
import { missing, readCheckpoint, takeHold, type Read } from './hold.ts';
import type { Stored } from './ports.ts';
import type { Session } from './session.ts';
import { forgottenText } from './terminal/status-view.ts';

/** What a person may make the checkpoint forget: its stop (`resume`), or everything (`reset`). */

export async function resume(session: Session): Promise<number> {
  const { flags, print, complain, kubernetes } = session;
  const read = await readCheckpoint(kubernetes().checkpointStore);
  if (read.kind === 'unusable') {
    complain(read.detail);
    return 5;
  }
  const { stop } = read.checkpoint;
  if (stop === null) {
    print('There is no stop: the next run goes on anyway.');
    return 0;
  }
  if (flags.dryRun) {
    print(printable(`Would forget the stop of ${stop.at} (${stop.detail}).`));
    return 0;
  }
  const code = await change(session, read, withoutStop);
  if (code === 0) {
    const what = `the stop of ${stop.at} (${stop.detail})`;
    print(printable(`Forgot ${what}. The next run in a window goes on, with its canary first.`));
  }
  return code;
}

/** Says what it will forget, and does so with `--yes` only. The way out of a checkpoint that cannot be read. */
export async function reset(session: Session): Promise<number> {
  const { flags, print, complain, kubernetes } = session;
  const { checkpointStore: store } = kubernetes();
  const stored = await store.read();
  if (stored.kind === 'missing') {
    complain(missing(store.identity));
    return 5;
  }
  const decoded = decodeCheckpoint(stored.text);
  const { resourceVersion } = stored;
  const readable = decoded.kind === 'checkpoint';
  print(
    readable
      ? forgottenText(decoded.checkpoint, store.identity)
      : printable(`Checkpoint ${store.identity} cannot be used: ${decoded.problem}.`),
  );
  if (!flags.yes || flags.dryRun) {
    print('Nothing was changed. To start over, say nightshift reset --yes.');
    return flags.dryRun ? 0 : 2;
  }
  const code = readable
    ? await change(session, { kind: 'read', checkpoint: decoded.checkpoint, resourceVersion }, startedOver)
    : await overwrite(session, stored);
  if (code === 0) print('The next run in a window starts over, with its canary first.');
  return code;
}

/** Nothing is known any more, but for where a spare Pod is to be taken back. */
const startedOver = ({ starts }: Checkpoint): Checkpoint => ({
  ...EMPTY,
  starts: starts.filter(({ spare }) => spare === true),
});

/** Under the hold, like a run: the exit code. A crash before the last save leaves a hold that the next run takes over. */
async function change(
  { kubernetes, wishes, clock, announcer, endGently, complain }: Session,
  read: Read & { readonly kind: 'read' },
  update: (checkpoint: Checkpoint) => Checkpoint,
): Promise<number> {
  const { checkpointStore: store } = kubernetes();
  const taken = await takeHold(read, wishes.holder, { store, clock, announcer, interrupted: endGently() });
  if (taken.kind === 'heldByAnother') {
    complain(`${taken.detail}: try again when it has ended`);
    return 1;
  }
  if (taken.kind === 'interrupted') return 143;
  if (taken.kind === 'held') await taken.hold.release(update);
  const loss = taken.kind === 'lost' ? taken.loss : taken.hold.loss;
  if (loss === undefined) return 0;
  complain(loss.detail);
  return exitCodeOf(endingOf(loss)) || 1;
}

/** Nobody can hold what nobody can read; whoever mends it at the same time wins. */
async function overwrite(
  { kubernetes, complain }: Session,
  { resourceVersion }: Stored & { readonly kind: 'found' },
): Promise<number> {
  const { checkpointStore: store } = kubernetes();
  const answer = await store.write(encodeCheckpoint(EMPTY), resourceVersion);
  if (answer.kind === 'saved') return 0;
  const why = {
    conflict: 'somebody changed it at the same time',
    missing: missing(store.identity),
    unanswered: 'message' in answer ? answer.message : '',
  };
  complain(`the checkpoint was not reset: ${why[answer.kind]}`);
  return answer.kind === 'missing' ? 5 : 1;
}
