import { z } from 'zod';
import { STALE_REASONS, type StaleReason, type Way, type Workload } from './model.ts';

/** What nightshift did to a workload last, kept on the workload itself: the truth that every run starts from. */
export interface RestartRecord {
  /** T: the restartedAt that was written to the Pod template together with this record. */
  readonly at: string;
  /** `NAMESPACE/CHECKPOINT` of the nightshift that did it. A record by another one is someone else's. */
  readonly by: string;
  readonly run: string;
  readonly sweep: string;
  readonly why: StaleReason;
  /** Hash of the criteria in force, and of what they resolved to (drift.ts, `wantFor`). */
  readonly want: string;
  /** Hash of the judged Pod template without restartedAt. */
  readonly template: string;
  /** The restartedAt that stood there before. */
  readonly before?: string | undefined;
  /** How, where the template stays as it is; undefined for a rollout. */
  readonly way?: Exclude<Way, 'rollout'> | undefined;
  /** What its replicas are to be put back to, while they are one more (`replace`). */
  readonly replicas?: number | undefined;
  /** Only what outlives the sweep is written down; everything else is read from the Pods. */
  readonly outcome?: 'failed' | 'ineffective' | 'denied' | 'reverted' | undefined;
  /** The failure's reason code. */
  readonly reason?: string | undefined;
  /** It failed and was taken back: what stood there before stands there again. */
  readonly undone?: true | undefined;
}

const text = z.string().max(400);
const schema = z.object({
  at: text,
  by: text,
  run: text,
  sweep: text,
  why: z.enum(STALE_REASONS),
  want: text,
  template: text,
  // The API takes any string there, so this may be any.
  before: z.string().optional(),
  way: z.enum(['replace', 'evict']).optional(),
  replicas: z.int().min(0).optional(),
  outcome: z.enum(['failed', 'ineffective', 'denied', 'reverted']).optional(),
  reason: text.optional(),
  undone: z.literal(true).optional(),
});

/** Compact JSON for the annotation. */
export function formatRecord(record: RestartRecord): string {
  return JSON.stringify(record);
}

/** The record, or undefined when there is none or somebody wrote something else there: then nobody restarted it. */
export function parseRecord(annotation: string | undefined): RestartRecord | undefined {
  if (annotation === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(annotation));
  } catch {
    return undefined;
  }
}

/**
 * The record, when the restart that it tells of is this checkpoint's and still in force: its T stands in the template (or
 * what stood there before, once it was undone, and where the template stays as it is), and nothing else in the template
 * changed since.
 */
export function ownRecord(workload: Workload, by: string): RestartRecord | undefined {
  const record = parseRecord(workload.record);
  const inForce =
    record !== undefined &&
    record.by === by &&
    (record.undone === true || record.way !== undefined ? record.before : record.at) === workload.restartedAt &&
    record.template === workload.template;
  return inForce ? record : undefined;
}

/** The record of a `replace` of this checkpoint's whose Pod more than wanted is still to be taken back, whatever became of the template. */
export function owedRecord(
  workload: Workload,
  by: string,
): (RestartRecord & { readonly replicas: number }) | undefined {
  const record = parseRecord(workload.record);
  return record?.by === by && record.replicas !== undefined ? { ...record, replicas: record.replicas } : undefined;
}

/**
 * Whether a restart of this checkpoint's, of that T or a later one, has changed the template since that revision, whatever
 * stands in it now. By the other ways than a rollout none does. The revision of a Deployment grows with nothing else. Of other
 * kinds every change of the spec counts, an autoscaler's, too: there the record tells, which who takes T back leaves where it is.
 */
export function tookEffectSince(
  { revision, at, by }: { readonly revision: number; readonly at: string; readonly by: string },
  workload: Workload,
): boolean {
  const record = parseRecord(workload.record);
  const isOurs = record?.by === by && record.at >= at;
  if (workload.revision <= revision || (isOurs && record.way !== undefined)) return false;
  return workload.kind === 'Deployment' || isOurs;
}
