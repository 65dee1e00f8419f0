import type { Flags } from './flags.ts';
import type { Kubernetes } from './kubernetes/connect.ts';
import type { Announcer, Clock, PolicySource } from './ports.ts';
import type { Wishes } from './world.ts';

/** What a command gets from the process. */
export interface Session {
  readonly flags: Flags;
  readonly wishes: Wishes;
  readonly clock: Clock;
  /** The FILE of `validate`, else the policy of the flags. */
  readonly policySource: PolicySource;
  /** Connects at the first call. */
  readonly kubernetes: () => Kubernetes;
  readonly announcer: Announcer;
  /** From now on SIGTERM, SIGHUP and the first Ctrl-C mean: save, and end. Commands that hold nothing just end. */
  readonly endGently: () => AbortSignal;
  readonly print: (text: string) => void;
  readonly complain: (sentence: string) => void;
  /** Where `kubectl describe pod` finds the last words of a run. */
  readonly leaveMessage: (message: string) => void;
}
