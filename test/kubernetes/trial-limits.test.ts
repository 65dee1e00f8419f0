import assert from 'node:assert/strict';
import { test } from 'node:test';
import { injectionOf, type Admission } from '../../src/domain/drift.ts';
import { injectionCriteria } from '../../src/domain/policy.ts';
import { NO_NEEDS } from '../build.ts';
import { Interner } from '../../src/kubernetes/interner.ts';
import { readInventory } from '../../src/kubernetes/inventory.ts';
import { projectShape } from '../../src/kubernetes/pod-shape.ts';
import { tryPod } from '../../src/kubernetes/trial.ts';
import { projectWorkload } from '../../src/kubernetes/workload-projection.ts';
import { aPolicy } from '../build.ts';
import { failure, fakeApiServer, reply, transportTo } from './fake-api-server.ts';
import { aDeployment, aList, aPod } from './objects.ts';

const workload = projectWorkload(aDeployment('cart'), 'Deployment', new Interner());

test('a trial that the server asked to repeat later is given up at once when the process is told to end', async () => {
  const interruption = new AbortController();
  await using server = await fakeApiServer((_, response) => {
    reply(response, 429, failure(429, 'busy'), { 'retry-after': '32' });
    setTimeout(() => interruption.abort(), 20);
  });
  await using to = transportTo(server, { interrupted: interruption.signal });
  const trying = tryPod(to, { workload, replicaSet: { name: 'cart-abc', uid: 'u' } }).then(() => 'given up');
  const hangs = new Promise(resolve => setTimeout(resolve, 1_000, 'still asleep, twice 32 s'));
  assert.equal(await Promise.race([trying, hangs]), 'given up');
});

test('a trial does not wait for hours because a server says so', async () => {
  await using server = await fakeApiServer((_, response) =>
    reply(response, 429, failure(429, 'busy'), { 'retry-after': '86400' }),
  );
  await using to = transportTo(server);
  const trying = tryPod(to, { workload, replicaSet: { name: 'cart-abc', uid: 'u' } }).then(() => 'answered');
  await new Promise(resolve => setTimeout(resolve, 200));
  to.clock.pass(60_000);
  const hangs = new Promise(resolve => setTimeout(resolve, 500, 'still asleep'));
  assert.equal(await Promise.race([trying, hangs]), 'answered');
});

test('a Pod with an older annotation of the injector is seen behind network plugins that annotate every Pod', async () => {
  const pod = (index: number, status: string) =>
    aPod('cart', `cart-abc-${index}`, {
      metadata: { annotations: { 'cni/ip': `10.0.0.${index}`, 'injector/status': status } },
    });
  const pods = [1, 2, 3, 4].map(index => pod(index, index === 4 ? 'old' : 'new'));
  await using server = await fakeApiServer(({ path }, response) =>
    reply(
      response,
      200,
      path.endsWith('/pods')
        ? aList(pods)
        : path.endsWith('/deployments')
          ? aList([aDeployment('cart')])
          : path.endsWith('/namespaces')
            ? aList([{ metadata: { name: 'shop' } }])
            : aList([]),
    ),
  );
  await using to = transportTo(server);
  const needs = { ...NO_NEEDS, shapes: true };
  const inventory = await readInventory(to.transport, { scope: { kind: 'cluster' }, needs, now: 0 });
  const interner = new Interner();
  const template = { metadata: {}, spec: { containers: [{ name: 'app', image: 'app:1' }] } };
  const now: Admission = {
    kind: 'admitted',
    template: projectShape(template, interner),
    pod: projectShape({ ...template, metadata: { annotations: { 'injector/status': 'new' } } }, interner),
  };
  const criteria = injectionCriteria(aPolicy({ stale: [{ injection: 'drift' }] }));
  assert.equal(injectionOf(inventory.pods.get('shop/cart') ?? [], now, criteria).kind, 'drifted');
});
