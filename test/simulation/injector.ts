import type { Admission } from '../../src/domain/drift.ts';
import { keyOf, type WorkloadRef } from '../../src/domain/model.ts';
import { admittedWith, REFUSED } from '../admissions.ts';

/** `failing` is failurePolicy Fail: no Pod is created. `ignored` is Ignore: Pods are created without the sidecar. */
export type InjectorState = 'up' | 'failing' | 'ignored';

/** Puts a sidecar into every Pod, by its version. */
export class Injector {
  version: number;
  state: InjectorState = 'up';
  /** Since when it has been away without a break; undefined while it is up. */
  downSince: number | undefined;
  /** Workloads that are kept on a version of their own, by key. */
  readonly pinned = new Map<string, number>();

  constructor(version: number) {
    this.version = version;
  }

  goes(state: InjectorState, now: number): void {
    this.state = state;
    if (state === 'up') this.downSince = undefined;
    else this.downSince ??= now;
  }

  /** The sidecar's version in a Pod created now, undefined for none; `refused` where no Pod is let through. */
  inject(ref: WorkloadRef): number | undefined | 'refused' {
    if (this.state === 'failing') return 'refused';
    return this.state === 'ignored' ? undefined : this.meant(ref);
  }

  /** What it puts in while it is up. */
  meant(ref: WorkloadRef): number {
    return this.pinned.get(keyOf(ref)) ?? this.version;
  }

  tryPod(ref: WorkloadRef): Admission {
    const version = this.inject(ref);
    return version === 'refused' ? REFUSED : admittedWith(version);
  }
}
