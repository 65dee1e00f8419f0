/** SIGKILL at each step of a run that leaves a trace, and SIGTERM there: the next runs do the rest, and nothing twice. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NAMES, openFaultySite } from './proxy-site.ts';
import type { Rule } from './proxy.ts';

const get = (path: RegExp) => ({ method: 'GET', path });
const SAVE = { method: 'PUT', path: /configmaps/ };
const RESTART = { method: 'PATCH', path: /deployments/ };

/** The requests of a run in their order; with which of them it is. */
const STEPS: readonly { readonly step: string; readonly rule: Omit<Rule, 'fault' | 'times'> }[] = [
  { step: 'the read of the checkpoint', rule: get(/configmaps/) },
  { step: 'the hold', rule: SAVE },
  { step: 'the list of Namespaces', rule: get(/namespaces\?/) },
  { step: 'the list of budgets', rule: get(/poddisruptionbudgets/) },
  { step: 'the list of Deployments', rule: get(/deployments\?limit/) },
  { step: 'the list of Pods', rule: get(/\/v1\/pods\?/) },
  { step: 'the watch', rule: get(/watch=true/) },
  { step: 'the save that names the starts', rule: { ...SAVE, every: 2 } },
  { step: 'the first restart', rule: RESTART },
  { step: 'the second restart', rule: { ...RESTART, every: 2 } },
  { step: 'the fifth restart', rule: { ...RESTART, every: 5 } },
  { step: 'the last restart', rule: { ...RESTART, every: NAMES.length } },
  { step: 'the first proof', rule: get(/namespaces\/[^/]+\/pods\?/) },
  { step: 'the third proof', rule: { ...get(/namespaces\/[^/]+\/pods\?/), every: 3 } },
  { step: 'the last save', rule: { ...SAVE, every: 3 } },
];

describe('a run that is killed', { concurrency: 6 }, () => {
  for (const { step, rule } of STEPS) {
    for (const when of ['before', 'after'] as const) {
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        test(`${signal} ${when} ${step}`, async () => {
          await using faulty = await openFaultySite();
          let kill = (): void => undefined;
          faulty.proxy.add({ ...rule, times: 1, fault: { kind: 'act', when, act: () => kill() } });
          const worker = faulty.start();
          kill = () => void worker.process.kill(signal);
          const ended = await worker.ended;
          assert.ok(ended === 'SIGKILL' || ended === 143 || ended === 0, String(ended));
          assert.deepEqual([...faulty.proxy.injected.keys()], ['act'], 'the step was reached');
          await faulty.untilFresh();
          await faulty.assertSound();
        });
      }
    }
  }
});
