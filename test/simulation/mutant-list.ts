/** A fault: what stands in a file of src/ exactly once, and what a bad day makes of it. */
export interface Mutant {
  readonly fault: string;
  readonly file: string;
  readonly is: string;
  readonly becomes: string;
  /** The first seed, for a fault that shows in one of a thousand stories. */
  readonly from?: number;
}

/** What has gone wrong elsewhere, or nearly did here. */
export const MUTANTS: readonly Mutant[] = [
  {
    fault: 'the PATCH has no precondition',
    file: 'start.ts',
    is: 'cluster.restart({ workload: this.#workload, at',
    becomes: "cluster.restart({ workload: { ...this.#workload, resourceVersion: '' }, at",
  },
  {
    fault: 'the precondition is the version of the watch, not the judged one',
    file: 'start.ts',
    is: 'cluster.restart({ workload: this.#workload, at',
    becomes:
      'cluster.restart({ workload: { ...this.#workload, resourceVersion: this.#world.observed.latest(this.#workload)?.resourceVersion ?? this.#workload.resourceVersion }, at',
  },
  {
    fault: 'what changed since the plan is not judged again',
    file: 'start.ts',
    is: 'if (newest?.resourceVersion !== this.#workload.resourceVersion) return this.#judgeAgain(newest);',
    becomes: 'if (newest !== undefined) this.#workload = newest;',
  },
  {
    fault: 'deny windows are ignored',
    file: 'domain/window.ts',
    is: 'const denyName = occurrence && denyAt(windows, now)?.name;',
    becomes: 'const denyName: string | undefined = undefined;',
  },
  {
    fault: 'the end of a window forgets denials',
    file: 'domain/window.ts',
    is: 'const end = Math.min(to, isDenied ? deny.to : deny.from);',
    becomes: 'const end = isDenied ? Math.min(to, deny.to) : to;',
  },
  {
    fault: 'the gates are looked at once a batch',
    file: 'start.ts',
    is: 'if ((await gates.check(this.#first)) !== undefined)',
    becomes: 'if (this.#attempts > 1000 && (await gates.check(this.#first)) !== undefined)',
    from: 1_000,
  },
  {
    fault: 'the hold need not be fresh',
    file: 'hold.ts',
    is: 'this.#world.clock.elapsed() - this.#acknowledged <= FRESH',
    becomes: 'this.#acknowledged > Number.NEGATIVE_INFINITY',
    from: 400,
  },
  {
    fault: 'the hold is fresh from the answer, not from the sending',
    file: 'hold.ts',
    is: 'this.#acknowledged = sent;',
    becomes: 'this.#acknowledged = clock.elapsed();',
    from: 100,
  },
  {
    fault: 'resumed rollouts do not count against the limits',
    file: 'execute.ts',
    is: 'const flying = [...this.#inFlight.values()];',
    becomes:
      'const flying = [...this.#inFlight.values()].filter(other => !this.#plan.inFlight.some(({ workload }) => workload === other));',
  },
  {
    fault: 'one more than the limit flies',
    file: 'execute.ts',
    is: 'flying.length < workloads &&',
    becomes: 'flying.length <= workloads &&',
  },
  {
    fault: 'Pods are not counted',
    file: 'execute.ts',
    is: 'flying.reduce((sum, workload) => sum + replicasOf(workload), replicasOf(candidate)) <= pods &&',
    becomes: 'flying.reduce((sum, workload) => sum + replicasOf(workload), 0) <= pods &&',
  },
  {
    fault: 'namespaces are not counted',
    file: 'execute.ts',
    is: 'flying.filter(({ namespace }) => namespace === candidate.namespace).length < perNamespace',
    becomes: 'perNamespace > 0',
  },
  {
    fault: 'PodDisruptionBudgets are not looked at',
    file: 'execute.ts',
    is: '!budgetsOf(candidate).some(budget => taken.has(budget)) &&',
    becomes: 'budgetsOf(candidate).every(budget => budget !== "" || taken.has(budget)) &&',
  },
  {
    fault: 'the ramp starts where the last occurrence left it',
    file: 'domain/ledger.ts',
    is: ': { name, opensAt, failures: 0, done: 0 },',
    becomes: ': { name, opensAt, failures: 0, done: checkpoint.occurrence?.done ?? 0 },',
  },
  {
    fault: 'batches are not of the sizes of the ramp',
    file: 'execute.ts',
    is: 'this.#batch = this.#queue.splice(0, Math.max(0, this.#batchSize() - this.#inFlight.size));',
    becomes: 'this.#batch = this.#queue.splice(0, this.#batchSize() + 1);',
  },
  {
    fault: 'the soak is skipped',
    file: 'flight.ts',
    is: 'return now < soaked ? this.#wait(soaked - now) : this.#prove(workload,',
    becomes: 'return now < soaked - 1e9 ? this.#wait(soaked - now) : this.#prove(workload,',
  },
  {
    fault: 'the pause between batches is skipped',
    file: 'execute.ts',
    is: 'const until = clock.elapsed() + pause;',
    becomes: 'const until = clock.elapsed() + pause / 1000;',
  },
  {
    fault: 'saves are unconditional: a lost hold is taken back',
    file: 'hold.ts',
    is: 'if (!untouched) {',
    becomes: 'if (!untouched && number < 2) {',
  },
  {
    fault: 'our own lost answer is taken for a lost hold',
    file: 'hold.ts',
    is: 'save.run === this.me.run ? save.number >= number - 1 :',
    becomes: 'save.run === this.me.run ? save.number === number - 1 :',
  },
  {
    fault: 'a hold is taken over at once',
    file: 'hold.ts',
    is: 'if (checkpoint.hold !== null) {',
    becomes: 'if (checkpoint.hold !== null && me.run === checkpoint.hold.run) {',
  },
  {
    fault: 'a holder stands still for seconds only',
    file: 'hold.ts',
    is: 'const STANDSTILL = 60_000;',
    becomes: 'const STANDSTILL = 10_000;',
  },
  {
    fault: 'a stop is forgotten',
    file: 'domain/ledger.ts',
    is: "if (outcome.outcome === 'failed' && (occurrence?.failures ?? 0) >= policy.onFailure.stopAfter) {",
    becomes: "if (outcome.outcome === 'failed' && (occurrence?.failures ?? 0) > policy.onFailure.stopAfter) {",
  },
  {
    fault: 'a stop ends with its run',
    file: 'domain/ledger.ts',
    is: 'return formatInstant(now.occurrence.opensAt) > stop.at ? undefined : stop;',
    becomes: 'return undefined;',
  },
  {
    fault: 'what was ineffective is tried again',
    file: 'domain/vetoes.ts',
    is: "if (record.outcome === 'ineffective' && !otherSettings) {",
    becomes: "if (record.outcome === 'ineffective' && bench.now === 0) {",
    from: 250,
  },
  {
    fault: 'what failed is tried again at once',
    file: 'domain/vetoes.ts',
    is: 'now >= (parseInstant(at) ?? 0) + policy.onFailure.retryAfter;',
    becomes: 'now >= (parseInstant(at) ?? 0) + policy.onFailure.retryAfter / 1000;',
  },
  {
    fault: 'what was taken back is restarted again',
    file: 'domain/vetoes.ts',
    is: "if (past.outcome === 'reverted' || (tookEffect && isTakenBack(workload.restartedAt, past.at))) {",
    becomes: "if (past.outcome === 'reverted' && tookEffect && past.at === '') {",
  },
  {
    fault: 'new Pods are known by the time of their creation, not by T',
    file: 'flight.ts',
    is: 'const proven = live.filter(pod => pod.restartedAt === this.#flight.at).length;',
    becomes: 'const proven = live.filter(pod => pod.createdAt >= Date.parse(this.#flight.at)).length;',
  },
  {
    fault: 'nobody looks at the Pods at the end',
    file: 'flight.ts',
    is: 'if (live.length < workload.replicas || proven < live.length) {',
    becomes: 'if (live.length < workload.replicas - 1e9 || proven < -1) {',
    from: 200,
  },
  {
    fault: 'what still matches is called restarted',
    file: 'flight.ts',
    is: "if (staleness.kind === 'stale') return { outcome: 'ineffective'",
    becomes: "if (staleness.kind === 'stale' && late) return { outcome: 'ineffective'",
  },
  {
    fault: 'an injector that is down makes everything stale',
    file: 'domain/drift.ts',
    is: "return { kind: 'unknown', detail };",
    becomes: "return { kind: 'drifted', detail, resolved: '' };",
  },
  {
    fault: 'what lost its sidecar is called restarted',
    file: 'evidence.ts',
    is: 'return lost.length > 0 ? {',
    becomes: 'return lost.length > 1e9 ? {',
    from: 300,
  },
  {
    fault: 'nothing is named before it starts',
    file: 'execute.ts',
    is: 'if (isNamed(hold.checkpoint, restart.workload)) return;',
    becomes: 'if (isNamed(hold.checkpoint, restart.workload) || this.#plan.batches.length > 1) return;',
  },
  {
    fault: 'rollouts of a killed run are forgotten',
    file: 'domain/verdict.ts',
    is: 'if (record !== undefined && isUnfinished(judged, record, circumstances)) {',
    becomes: 'if (record !== undefined && workload.paused && isUnfinished(judged, record, circumstances)) {',
  },
  {
    fault: 'paused workloads are restarted',
    file: 'domain/vetoes.ts',
    is: 'if (workload.paused) return',
    becomes: 'if (workload.paused && workload.deleting) return',
  },
  {
    fault: 'what would cause a gap is restarted',
    file: 'domain/way.ts',
    is: 'promised(way, replicas, strategy) <= 0;',
    becomes: 'promised(way, replicas, strategy) < 0;',
  },
  {
    fault: 'SIGTERM is not heard while starts go on',
    file: 'sweep.ts',
    is: "else interrupted.addEventListener('abort', terminate, { once: true, signal: this.#over.signal });",
    becomes: "else this.#over.signal.addEventListener('abort', terminate, { once: true });",
    from: 250,
  },
  {
    fault: 'a changed policy is not noticed',
    file: 'sweep.ts',
    is: 'return samePolicy(again, policy)',
    becomes: 'return samePolicy(again, again)',
  },
  {
    fault: 'the hold is not given back',
    file: 'hold.ts',
    is: 'hold: null }));',
    becomes: 'hold: checkpoint.hold }));',
  },
  {
    fault: 'found here: a clock that jumps back before the first start',
    file: 'gates.ts',
    is: 'this.#seenOpen = { since: Number.POSITIVE_INFINITY, window: world.window };',
    becomes: 'this.#seenOpen = { since: world.clock.now(), window: world.window };',
    from: 450,
  },
  {
    fault: 'found here: old Pods on their way out do not count after a crash',
    file: 'domain/verdict.ts',
    is: 'if (unfinished && (workload.status.terminatingReplicas ?? 0) > 0) return true;',
    becomes: 'if (unfinished && (workload.status.terminatingReplicas ?? 0) > 1e9) return true;',
    from: 150,
  },
  {
    fault: 'found here: a crash before T is saved makes a start forgotten',
    file: 'domain/verdict.ts',
    is: 'isSameWorkload(past, workload) && past.at <= record.at;',
    becomes: 'isSameWorkload(past, workload) && past.at === record.at;',
    from: 150,
  },
  {
    fault: 'found here: our own late PATCH is taken for an undo',
    file: 'start.ts',
    is: 'const isInForce = record !== judged.record &&',
    becomes: "const isInForce = record === 'none' &&",
    from: 500,
  },
  {
    fault: 'found here: a restart for other criteria is the canary',
    file: 'domain/ledger.ts',
    is: 'isSameWant(restart.for, checkpoint.want);',
    becomes: "(restart.for === '' || isSameWant(checkpoint.want, checkpoint.want));",
    from: 750,
  },
  {
    fault: 'failures exit with 0',
    file: 'domain/report.ts',
    is: "outcome === 'failed' || outcome === 'undone' || outcome === 'denied' || outcome === 'ineffective'",
    becomes: "outcome === 'failed' || outcome === 'undone' || outcome === 'denied'",
  },
];
