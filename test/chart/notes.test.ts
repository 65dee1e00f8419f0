/** What helm prints at the end; its commands are run in installed.test.ts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CHART, helm, POLICY } from './helm.ts';

async function notes(values: object): Promise<string> {
  const command = ['install', 'ops', CHART, '--namespace', 'night', '--dry-run=client', '--values', '-'];
  const printed = await helm(command, JSON.stringify({ policy: POLICY, ...values }));
  return printed.slice(printed.indexOf('\nNOTES:\n'));
}

const once = { name: 'freeze', from: '2026-12-20', until: '2027-01-06' };
const recurring = { name: 'month-end', opens: '0 0 28 * *', lasts: '3d' };
const denied = { ...POLICY, windows: { ...POLICY.windows, timeZone: 'Asia/Tokyo', deny: [recurring, once] } };

describe('the notes say', { concurrency: 4 }, () => {
  const cases: readonly (readonly [what: string, values: object, says: readonly string[], never: readonly string[]])[] =
    [
      [
        'when Jobs start and in which windows they work',
        {},
        [
          'tick of "*/10 * * * *" (UTC)',
          'the whole cluster',
          'allow  nights: opens "0 1 * * *", lasts 4h',
          'windows: UTC',
        ],
        ['deny', 'suspend: true', 'dryRun'],
      ],
      [
        'which windows are denied',
        { policy: denied },
        ['opens "0 0 28 * *", lasts 3d', 'freeze: from 2026-12-20 until 2027-01-06', 'windows: Asia/Tokyo'],
        [],
      ],
      [
        'in which namespaces it works',
        { rbac: { namespaces: ['a', 'b'] } },
        ['stale workloads\n  of a, b in'],
        ['the whole'],
      ],
      [
        'that a dry run changes nothing',
        { dryRun: true },
        ['prints its plan and changes nothing'],
        ['It restarts', 'allow'],
      ],
      [
        'that nothing happens while it is suspended',
        { suspend: true, dryRun: true },
        ['Nothing: the CronJob'],
        ['prints'],
      ],
      ['that a stop ends by itself', {}, ['The next window resumes by itself'], ['until you say so']],
      [
        'that a stop waits for a person',
        { policy: { ...POLICY, onFailure: { resume: 'manual' } } },
        ['Nothing restarts until you say so'],
        ['by itself'],
      ],
      [
        'that there is no guard where the API server serves none',
        {},
        ['There is no guard: the API server serves no', 'steals the token of ServiceAccount ops-nightshift can change'],
        ['guard.enabled'],
      ],
      [
        'that there is no guard where it is switched off',
        { guard: { enabled: false } },
        ['There is no guard: guard.enabled is false\n  Whoever steals', 'the images that it runs included.'],
        ['serves no', 'any Pod'],
      ],
      [
        'that without a guard Pods can be created, where the policy tries some',
        { policy: { ...POLICY, stale: [{ injection: 'drift' }, { injection: 'drift', fields: ['image'] }] } },
        ['the images that it runs included, and create any Pod there.'],
        [],
      ],
      [
        'the names as they are',
        {},
        [
          '--from=cronjob/ops-nightshift',
          '-n night',
          '--checkpoint ops-nightshift-checkpoint',
          'helm uninstall ops -n night',
        ],
        ['release-name'],
      ],
    ];
  for (const [what, values, says, never] of cases) {
    test(what, async () => {
      const text = await notes(values);
      assert.deepEqual(
        says.filter(phrase => !text.includes(phrase)),
        [],
        text,
      );
      assert.deepEqual(
        never.filter(phrase => text.includes(phrase)),
        [],
        text,
      );
    });
  }
});
