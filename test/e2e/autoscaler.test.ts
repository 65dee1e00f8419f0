/** HorizontalPodAutoscalers, by their controller on a real control plane. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../cluster/fleet.ts';
import { until } from '../cluster/until.ts';
import { outcomesByName, quickPolicy, Site } from './site.ts';

interface AutoscalerObject {
  readonly status?: { readonly lastScaleTime?: string };
}

interface PlanOutput {
  readonly batches: readonly (readonly { readonly name: string; readonly autoscaler?: object }[])[];
}

test('the plan shows who may change replicas, and whether that was not long ago', async () => {
  const site = await Site.open();
  const [namespace = ''] = site.namespaces;
  await site.deploy(site.deployment({ name: 'web', replicas: 1 }), site.deployment({ name: 'plain', replicas: 2 }));
  await site.cluster.kubectl('-n', namespace, 'autoscale', 'deployment', 'web', '--min=2', '--max=5', '--cpu=50%');
  // Without metrics it brings the replicas to its least, and no further.
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers/web`;
  const lastScaled = await until(
    'the autoscaler to have scaled',
    async () => (await site.cluster.api<AutoscalerObject>(path)).status?.lastScaleTime,
    { seconds: 90 },
  );
  await settled(site.cluster, site.namespaces);
  await site.age();
  const policy = site.policyFile(quickPolicy(site));
  const shown = site.start(['plan', '--policy', policy]);
  assert.equal(await shown.ended, 0, shown.stderr());
  assert.match(shown.stdout(), /web +2 \(2-5, scaled \d+s ago\) +podTooOld/);
  assert.match(shown.stdout(), /plain +2 +podTooOld/);
  const told = site.start(['plan', '--policy', policy, '--output', 'json']);
  assert.equal(await told.ended, 0);
  const plan: PlanOutput = JSON.parse(told.stdout());
  const autoscalers = Object.fromEntries(plan.batches.flat().map(({ name, autoscaler }) => [name, autoscaler]));
  assert.deepEqual(autoscalers, { plain: undefined, web: { name: 'web', min: 2, max: 5, lastScaled } });
  const { code, report } = await site.run(policy);
  assert.equal(code, 0);
  assert.deepEqual(outcomesByName(report), { plain: 'restarted', web: 'restarted' });
});
