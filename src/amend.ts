import type { Workload } from './domain/model.ts';
import { ownRecord, type RestartRecord } from './domain/record.ts';
import type { PatchAnswer } from './ports.ts';
import type { StartWorld } from './start.ts';

/** A workload that we restarted, as it was when that began. */
export interface Restarted {
  readonly workload: Workload;
  /** T. */
  readonly at: string;
}

/** What is to be written on it, as it is read now with its record. */
export interface Amendment {
  /** That nothing has to be written any more, where what was read says so. */
  readonly settled?: (workload: Workload, record: RestartRecord) => Amended | undefined;
  /** One attempt. */
  readonly write: (workload: Workload, record: RestartRecord) => Promise<PatchAnswer>;
}

export type Amended =
  | { readonly kind: 'amended'; readonly workload: Workload }
  /** There is nothing left to write on, or nobody left who may. */
  | { readonly kind: 'pointless'; readonly detail: string }
  | { readonly kind: 'failed'; readonly detail: string };

const ATTEMPTS = 5;
/** However long the API server asks us to wait before the next attempt, in milliseconds. */
const MAX_WAIT = 15_000;
const ENDED = 'the run ended first';

/**
 * Writes on a workload while it carries our T: that needs the hold, and not the gates. Again after a conflict, and when no
 * answer came, which leaves open whether it took effect. Throws like a read.
 */
export async function amend(
  { workload: ref, at }: Restarted,
  { settled, write }: Amendment,
  { cluster, hold, bench, observed }: StartWorld,
): Promise<Amended> {
  let detail = ENDED;
  for (let attempt = 0; attempt < ATTEMPTS && !observed.closed; attempt++) {
    const workload = await cluster.workload(ref);
    const record = workload && ownRecord(workload, bench.by);
    if (workload === undefined || record?.at !== at) return { kind: 'pointless', detail: 'somebody has changed it' };
    const already = settled?.(workload, record);
    if (already !== undefined) return already;
    await hold.freshen();
    if (hold.loss !== undefined || observed.closed) return { kind: 'pointless', detail };
    const answer = await write(workload, record);
    if (answer.kind === 'accepted') return { kind: 'amended', workload: answer.workload };
    if (answer.kind === 'gone') return { kind: 'pointless', detail: answer.kind };
    detail = 'message' in answer ? answer.message : answer.kind;
    if (answer.kind === 'unanswered') await observed.pause(Math.min(answer.retryAfter ?? 1_000, MAX_WAIT));
    else if (answer.kind !== 'conflict') break;
  }
  return { kind: 'failed', detail };
}
