/** SIGKILL at each step of a run that leaves a trace, and SIGTERM there: the next runs do the rest, and nothing twice. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FaultySiteOptions, NAMES, openFaultySite } from './proxy-site.ts';
import type { Rule } from './proxy.ts';

const get = (path: RegExp) => ({ method: 'GET', path });
const SAVE = { method: 'PUT', path: /configmaps/ };
const RESTART = { method: 'PATCH', path: /deployments/ };

const PROOF = get(/namespaces\/[^/]+\/pods\?/);
/** A dry run. */
const TRIAL = { method: 'POST', path: /pods\?/ };
const DRIFT = { policy: { stale: [{ injection: 'drift' }] }, also: ['create pods'] };
const FAILS = { lastOne: 'image-pull' } as const;

interface Step {
  readonly step: string;
  readonly rule: Omit<Rule, 'fault' | 'times'>;
  readonly options?: FaultySiteOptions;
  /** In the run that comes after a killed one. */
  readonly isResumed?: boolean;
}

/** The requests of a run in their order; with which of them it is. */
const STEPS: readonly Step[] = [
  { step: 'the read of the checkpoint', rule: get(/configmaps/) },
  { step: 'the hold', rule: SAVE },
  { step: 'the list of Namespaces', rule: get(/namespaces\?/) },
  { step: 'the list of budgets', rule: get(/poddisruptionbudgets/) },
  { step: 'the list of autoscalers', rule: get(/horizontalpodautoscalers/) },
  { step: 'the list of quotas', rule: get(/resourcequotas/) },
  { step: 'the list of Deployments', rule: get(/deployments\?limit/) },
  { step: 'the list of Pods', rule: get(/\/v1\/pods\?/) },
  { step: 'the trial of a Pod', rule: TRIAL, options: DRIFT },
  { step: 'the watch', rule: get(/watch=true/) },
  { step: 'the save that names the starts', rule: { ...SAVE, every: 2 } },
  { step: 'the trial right before the first restart', rule: { ...TRIAL, every: 2 * NAMES.length + 1 }, options: DRIFT },
  { step: 'the first restart', rule: RESTART },
  { step: 'the second restart', rule: { ...RESTART, every: 2 } },
  { step: 'the first proof', rule: PROOF },
  { step: 'the proof that ends the canary', rule: { ...PROOF, every: 2 } },
  { step: 'the first restart after the canary', rule: { ...RESTART, every: 3 } },
  { step: 'the fifth restart', rule: { ...RESTART, every: 5 } },
  { step: 'the third proof', rule: { ...PROOF, every: 3 } },
  { step: 'the third save', rule: { ...SAVE, every: 3 } },
  { step: 'the fourth save', rule: { ...SAVE, every: 4 } },
  { step: 'the last restart', rule: { ...RESTART, every: NAMES.length } },
  { step: 'the last proof', rule: { ...PROOF, every: NAMES.length } },
  { step: 'the read of one that seems to have failed', rule: get(/deployments\/h$/), options: FAILS },
  { step: 'the save of a failure', rule: { ...SAVE, every: 5 }, options: FAILS },
  { step: 'the outcome written on the one that failed', rule: { ...RESTART, every: NAMES.length + 1 }, options: FAILS },
  { step: 'the Event of the run', rule: { method: 'POST', path: /events/ } },
  { step: 'the read of the holder by the run after', rule: get(/pods\/worker/), isResumed: true },
];

/** Up to here there is enough left to do for a signal that was heard to show in the exit code. */
const HEARD = STEPS.findIndex(({ step }) => step === 'the second restart');

describe('a run that is killed', { concurrency: 6 }, () => {
  for (const [index, { step, rule, options, isResumed = false }] of STEPS.entries()) {
    for (const when of ['before', 'after'] as const) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        test(`${signal} ${when} ${step}`, async () => {
          await using faulty = await openFaultySite(options);
          const kill = (by: NodeJS.Signals) => (): void => void faulty.current()?.process.kill(by);
          faulty.proxy.add({ ...rule, times: 1, fault: { kind: 'act', when, act: kill(signal) } });
          const earlier: Rule = { ...RESTART, times: 1, fault: { kind: 'act', when: 'after', act: kill('SIGKILL') } };
          if (isResumed) faulty.proxy.add(earlier);
          const codes = await faulty.untilFresh();
          assert.equal(faulty.proxy.injected.get('act'), isResumed ? 2 : 1, 'the step was reached');
          const allowed = new Set<unknown>([0, signal === 'SIGKILL' ? signal : 143]);
          if (isResumed) allowed.add('SIGKILL');
          if (options?.lastOne !== undefined) allowed.add(3);
          assert.ok(
            codes.every(code => allowed.has(code)),
            codes.join(),
          );
          if (signal === 'SIGTERM' && index <= HEARD) assert.ok(codes.includes(143), codes.join());
          await faulty.assertSound();
        });
      }
    }
  }
});
