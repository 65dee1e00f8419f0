import { createHash } from 'node:crypto';
import { z } from 'zod';
import { OUTCOMES } from './model.ts';

/**
 * What the next run must know and cannot see on the workloads. It does not grow with the cluster: a workload restarted
 * in this sweep is known by its record and its Pods.
 */

/** The key of the ConfigMap. */
export const CHECKPOINT_KEY = 'checkpoint.json';
const VERSION = 1;
const MAX_BYTES = 16 * 1024;
/** Starts that are remembered so that an undo or a revert between two runs is seen, and not repeated. */
const MAX_STARTS = 100;
const MAX_RUNS = 10;

const text = z.string().max(400);
const count = z.int().min(0);

const start = z.object({
  workload: text,
  /** The first eight digits of the uid: enough to tell a recreated workload from the old one. */
  uid: text,
  /** T once it started; before, the moment it was named, which is never later than T. */
  at: text,
  template: text,
  /** The workload's revision at naming: a Deployment's has grown iff a Pod template took effect since. */
  revision: count,
  outcome: z.enum(OUTCOMES).optional(),
  /** It may have one Pod more than it wants (way replace), which is to be taken back. */
  spare: z.literal(true).optional(),
  /** By another way than a rollout: its T never stands in the template. */
  inPlace: z.literal(true).optional(),
});

const schema = z.object({
  version: z.literal(VERSION),
  save: z.object({ run: text, number: count }),
  hold: z.object({ run: text, pod: z.object({ name: text, uid: text }).optional() }).nullable(),
  /** Hash of the criteria that the starts were for; empty until the first look at the cluster. */
  want: text,
  sweep: z
    .object({
      /** The UTC second it began, which is also what ages are measured against. */
      id: text,
      /** Workloads that were stale and willing at the last look, and those among them still to do. */
      total: count,
      remaining: count,
      counts: z.partialRecord(z.enum(OUTCOMES), count),
      /** The most recent rollouts' lengths, for the typical one. */
      rolloutSeconds: z.array(z.number().min(0)).max(25),
      ineffectiveInRow: count,
      reverts: count,
      /** Absent for none, as in the checkpoints from before it was counted: their checksum stays what it was. */
      deniedInRow: count.optional(),
    })
    .nullable(),
  occurrence: z
    .object({
      name: text,
      opensAt: text,
      failures: count,
      /** Place in the ramp of `batches.sizes`: outcomes since the canary. */
      done: count,
    })
    .nullable(),
  stop: z
    .object({ at: text, why: z.enum(['failures', 'ineffective', 'reverts', 'denials']), detail: text, want: text })
    .nullable(),
  starts: z.array(start),
  runs: z.array(
    z.object({
      run: text,
      began: text,
      ended: text,
      exitCode: count,
      summary: text,
      ignoredWindow: z.literal(true).optional(),
    }),
  ),
});

export type Checkpoint = z.infer<typeof schema>;
export type Sweep = NonNullable<Checkpoint['sweep']>;
export type Start = Checkpoint['starts'][number];
export type Stop = NonNullable<Checkpoint['stop']>;

/** What a first run starts from. */
export const EMPTY: Checkpoint = {
  version: VERSION,
  save: { run: '', number: 0 },
  hold: null,
  want: '',
  sweep: null,
  occurrence: null,
  stop: null,
  starts: [],
  runs: [],
};

export type Decoded =
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'unusable'; readonly problem: string };

/**
 * The checkpoint as text: JSON with a line for each part, under 16 KiB whatever the cluster (the oldest finished starts
 * and the longest summaries give way), and with a checksum, so that damage is refused instead of read as something else.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const starts = withoutOldest(checkpoint.starts, MAX_STARTS);
  const runs = checkpoint.runs.slice(-MAX_RUNS);
  for (let keep = starts.length; ; keep = Math.max(0, keep - 5)) {
    const value = clip({ ...checkpoint, starts: withoutOldest(starts, keep), runs });
    const encoded = layOut({ ...value, checksum: checksum(value) });
    if (Buffer.byteLength(encoded) <= MAX_BYTES || keep === 0) return encoded;
  }
}

/** The value, or why it cannot be used. A missing key (undefined) is a first run. */
export function decodeCheckpoint(encoded: string | undefined): Decoded {
  if (encoded === undefined) return { kind: 'checkpoint', checkpoint: EMPTY };
  if (Buffer.byteLength(encoded) > 4 * MAX_BYTES) return unusable(`it is larger than ${(4 * MAX_BYTES) / 1024} KiB`);
  let value: unknown;
  try {
    value = JSON.parse(encoded);
  } catch {
    return unusable('it is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return unusable('it is not a JSON object');
  const version: unknown = 'version' in value ? value.version : undefined;
  if (typeof version === 'number' && version > VERSION) {
    return unusable(`it has version ${version}, this nightshift knows version ${VERSION}`);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return unusable(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unexpected'}`);
  }
  if (!('checksum' in value) || value.checksum !== checksum(parsed.data)) {
    return unusable('its checksum does not fit: it was damaged, or edited by hand');
  }
  return { kind: 'checkpoint', checkpoint: parsed.data };
}

const unusable = (problem: string): Decoded => ({ kind: 'unusable', problem });

const checksum = (checkpoint: Checkpoint): string =>
  // Through the schema, so that the order of keys is always the schema's.
  createHash('sha256')
    .update(JSON.stringify(schema.parse(checkpoint)))
    .digest('hex')
    .slice(0, 16);

/** Unfinished starts, and what is owed, are always kept: the next run has to find them. */
function withoutOldest(starts: readonly Start[], keep: number): Start[] {
  let surplus = starts.length - keep;
  return starts.filter(one => isOpen(one) || surplus-- <= 0);
}

/** Whether something is still to be found out, or to be done, about it. */
export const isOpen = ({ outcome, spare }: Start): boolean => outcome === undefined || spare === true;

function clip(checkpoint: Checkpoint): Checkpoint {
  const short = (sentence: string): string => (sentence.length > 300 ? `${sentence.slice(0, 299)}…` : sentence);
  return {
    ...checkpoint,
    stop: checkpoint.stop && { ...checkpoint.stop, detail: short(checkpoint.stop.detail) },
    runs: checkpoint.runs.map(run => ({ ...run, summary: short(run.summary) })),
  };
}

function layOut(value: Checkpoint & { readonly checksum: string }): string {
  const lines = Object.entries(value).map(([key, part]) => {
    const body =
      Array.isArray(part) && part.length > 0
        ? `[\n    ${part.map(entry => JSON.stringify(entry)).join(',\n    ')}\n  ]`
        : JSON.stringify(part);
    return `  ${JSON.stringify(key)}: ${body}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}
