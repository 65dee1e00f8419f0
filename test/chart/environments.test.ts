import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Cron } from 'croner';
import { parsePolicy, type Policy } from '../../src/domain/policy.ts';
import { CHART, ENVIRONMENTS, environmentFile, helm, policyTextOf, render, runOf } from './helm.ts';

type Environment = (typeof ENVIRONMENTS)[number];

const rendered = (environment: Environment) => render({ yaml: '', args: ['--values', environmentFile(environment)] });

/** As the worker reads it. */
async function policyFor(environment: Environment): Promise<Policy> {
  const parsed = parsePolicy(policyTextOf(await rendered(environment)));
  assert.equal(parsed.kind, 'valid', JSON.stringify(parsed));
  return parsed.policy;
}

for (const environment of ENVIRONMENTS) {
  describe(`the values for ${environment}`, () => {
    const file = environmentFile(environment);

    test('pass helm lint and hold a policy that the worker accepts', async () => {
      assert.match(await helm(['lint', '--strict', CHART, '--values', file]), /0 chart\(s\) failed/);
      await policyFor(environment);
    });

    test('start a Job within ten minutes of every opening, by the clock of the windows', async () => {
      const { windows } = await policyFor(environment);
      const { cronJob } = runOf(await rendered(environment));
      assert.equal(cronJob.timeZone, windows.timeZone);
      const ticks = new Cron(cronJob.schedule, { timezone: windows.timeZone });
      for (const { opens } of windows.allow) {
        // croner as the second opinion: the days around a change of the clocks are among these.
        const openings = new Cron(opens.text, { timezone: windows.timeZone }).nextRuns(200, '2026-09-01T00:00:00Z');
        const late = openings.filter(at => {
          const tick = ticks.nextRun(new Date(at.getTime() - 1));
          return tick === null || tick.getTime() - at.getTime() > 600_000;
        });
        assert.deepEqual(late, []);
      }
    });

    test('give a run at least as long as the window and a rollout last', async () => {
      const { windows, rollout } = await policyFor(environment);
      const { job } = runOf(await rendered(environment));
      const longest = Math.max(...windows.allow.map(({ lasts }) => lasts)) + rollout.timeout;
      assert.ok((job.activeDeadlineSeconds ?? 0) * 1000 >= longest);
    });

    test('say why at every choice', () => {
      const lines = readFileSync(file, 'utf8').split('\n');
      // A mapping that only holds others, and what every policy begins with, is no choice.
      const isChoice = (line: string) => /^ *(- |\w+: *[^ ])/.test(line) && !/^ *(apiVersion|kind):/.test(line);
      const bare = lines.filter((line, index) => isChoice(line) && !/^ *# /.test(lines[index - 1] ?? ''));
      assert.deepEqual(bare, []);
    });
  });
}

test('production is the most careful of them: it stops first, waits longest and restarts what is oldest', async () => {
  const policies = await Promise.all(ENVIRONMENTS.map(policyFor));
  const falling = policies.map(({ onFailure }) => onFailure.stopAfter);
  const rising = policies.map(({ batches, rollout }) => batches.pause + rollout.soak);
  const ages = policies.map(({ stale: [first] }) => (first?.kind === 'podOlderThan' ? first.age : 0));
  assert.deepEqual(
    falling,
    falling.toSorted((a, b) => b - a),
  );
  assert.deepEqual(
    rising,
    rising.toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    ages,
    ages.toSorted((a, b) => a - b),
  );
});
