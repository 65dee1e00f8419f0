import { randomBytes } from 'node:crypto';
import { formatInstant } from './domain/instant.ts';
import type { Policy } from './domain/policy.ts';
import { windowAt, type WindowState } from './domain/window.ts';
import type { Holder } from './hold.ts';
import type { Announcer, CheckpointStore, Clock, Cluster, PolicySource } from './ports.ts';

/** The world that a run acts in. */
export interface World {
  readonly clock: Clock;
  readonly policySource: PolicySource;
  readonly announcer: Announcer;
  /** Called only when there is something to ask: a run outside its window makes no API call. */
  readonly connect: () => { readonly cluster: Cluster; readonly store: CheckpointStore };
  /** Aborts on SIGTERM and SIGINT. */
  readonly interrupted: AbortSignal;
}

/** The same when the API server may be asked. */
export interface ConnectedWorld extends World {
  readonly cluster: Cluster;
  readonly store: CheckpointStore;
}

/** What a person asks of a run besides the policy. */
export interface Wishes {
  readonly holder: Holder;
  /** `NAMESPACE/NAME`: nothing else is selected. */
  readonly only: string | undefined;
  /** Denies included; the occurrence is the run itself. */
  readonly ignoreWindow: boolean;
}

/** The policy and its window, which is open. */
export interface OpenWindow {
  readonly policy: Policy;
  readonly window: WindowState & { readonly kind: 'open' };
  readonly windowOf: (now: number) => WindowState;
}

/** The windows of the policy, or with `--ignore-window` one that opens now and never closes. */
export function windowsOf(policy: Policy, { ignoreWindow }: Wishes, now: number): (now: number) => WindowState {
  if (!ignoreWindow) return instant => windowAt(policy.windows, instant);
  const occurrence = { name: 'ignored', opensAt: now };
  return () => ({ kind: 'open', occurrence, closesAt: Number.POSITIVE_INFINITY });
}

/** A run's id: the second it began and eight random digits, sortable and easy to find in logs. */
export function newRunId(now: number): string {
  return `${formatInstant(now).replaceAll(/[-:]/g, '')}-${randomBytes(4).toString('hex')}`;
}
