import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Autoscaler, Kind } from '../../src/domain/model.ts';
import type { Scope } from '../../src/kubernetes/inventory.ts';
import { aQuota, aUsage, NO_NEEDS } from '../build.ts';
import { readInventory } from '../../src/kubernetes/inventory.ts';
import { list } from '../../src/kubernetes/lists.ts';
import { textAt } from '../../src/kubernetes/json.ts';
import { resourceOf } from '../../src/kubernetes/kinds.ts';
import { NotPermitted, OutOfReach } from '../../src/ports.ts';
import type { Handler, Seen } from './fake-api-server.ts';
import { failure, fakeApiServer, reply, transportTo, meaningIt, REVIEWS } from './fake-api-server.ts';
import type { Json } from './objects.ts';
import { aDeployment, aList, aPod } from './objects.ts';

const CLUSTER: Scope = { kind: 'cluster' };
const keep = (object: unknown) => textAt(object, 'metadata', 'name');

describe('a list', () => {
  it('is read page by page, as one moment', async () => {
    const pages: Readonly<Record<string, Json>> = {
      '': aList([aDeployment('a'), aDeployment('b')], { resourceVersion: '5', continue: 'next' }),
      next: aList([aDeployment('c')], { resourceVersion: '5', continue: '' }),
    };
    await using server = await fakeApiServer(({ query }, response) =>
      reply(response, 200, pages[query['continue'] ?? ''], { date: 'Mon, 23 Nov 2026 01:02:03 GMT' }),
    );
    await using to = transportTo(server);
    assert.deepEqual(await list(to.transport, { resource: resourceOf('Deployment'), namespace: '', keep }), {
      items: ['a', 'b', 'c'],
      resourceVersion: '5',
      date: Date.parse('2026-11-23T01:02:03Z'),
    });
    assert.deepEqual(
      server.seen.map(({ query }) => query),
      [{ limit: '250' }, { limit: '250', continue: 'next' }],
    );
  });

  it('starts over when its token has expired, and keeps nothing of the first try', async () => {
    let expired = false;
    await using server = await fakeApiServer(({ query }, response) => {
      if (query['continue'] === undefined) {
        const metadata = expired ? { resourceVersion: '9' } : { resourceVersion: '5', continue: 'old' };
        return reply(response, 200, aList([aDeployment('a')], metadata));
      }
      expired = true;
      return reply(response, 410, failure(410, 'The provided continue parameter is too old'));
    });
    await using to = transportTo(server);
    const { items, resourceVersion } = await list(to.transport, {
      resource: resourceOf('Deployment'),
      namespace: '',
      keep,
    });
    assert.deepEqual([items, resourceVersion], [['a'], '9']);
  });

  it('is given up when it expires again and again', async () => {
    await using server = await fakeApiServer((_, response) => reply(response, 410, failure(410, 'Gone')));
    await using to = transportTo(server);
    await assert.rejects(list(to.transport, { resource: resourceOf('Deployment'), namespace: '', keep }), OutOfReach);
    assert.equal(server.seen.length, 3);
  });
});

/** A cluster of two namespaces; the reader has no rights in `forbidden` and `halfway`. */
const answer: Handler = ({ path }, response) => {
  const objects: Readonly<Record<string, Json>> = {
    '/api/v1/namespaces': aList([{ metadata: { name: 'shop' } }, { metadata: { name: 'other' } }]),
    '/apis/apps/v1/deployments': aList([aDeployment('cart'), aDeployment('till'), aDeployment('cart', {}, 'other')]),
    '/api/v1/pods': aList([
      aPod('cart', 'live'),
      aPod('cart', 'pending', { status: { phase: 'Pending' } }),
      aPod('cart', 'done', { status: { phase: 'Succeeded' } }),
      aPod('cart', 'leaving', { metadata: { deletionTimestamp: '2026-11-23T01:00:00Z' } }),
      aPod('gone', 'orphan'),
      aPod('cart', 'bare', { metadata: { ownerReferences: [] } }),
    ]),
    '/apis/policy/v1/poddisruptionbudgets': aList([]),
    '/apis/policy/v1/namespaces/shop/poddisruptionbudgets': aList([]),
    '/apis/policy/v1/namespaces/halfway/poddisruptionbudgets': aList([]),
    '/api/v1/resourcequotas': aList([]),
    '/api/v1/namespaces/shop/resourcequotas': aList([]),
    '/api/v1/namespaces/halfway/resourcequotas': aList([]),
    '/apis/autoscaling/v2/horizontalpodautoscalers': aList([]),
    '/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers': aList([]),
    '/apis/autoscaling/v2/namespaces/halfway/horizontalpodautoscalers': aList([]),
    '/api/v1/namespaces/shop': { metadata: { name: 'shop' } },
    '/apis/apps/v1/namespaces/shop/deployments': aList([aDeployment('cart')], { resourceVersion: '50' }),
    '/api/v1/namespaces/shop/pods': aList([aPod('cart', 'live')]),
    '/api/v1/namespaces/halfway': { metadata: { name: 'halfway' } },
    '/apis/apps/v1/namespaces/halfway/deployments': aList([aDeployment('cart', {}, 'halfway')]),
  };
  const object = objects[path];
  if (object !== undefined) return reply(response, 200, object, { date: 'Mon, 23 Nov 2026 01:02:03 GMT' });
  if (path === '/api/v1/namespaces/gone') return reply(response, 404, failure(404, 'not found'));
  return reply(response, 403, failure(403, 'forbidden'));
};
/** A cluster in which there is nothing. */
const EMPTY: Readonly<Record<string, Json>> = Object.fromEntries(
  [
    '/api/v1/namespaces',
    '/apis/policy/v1/poddisruptionbudgets',
    '/apis/autoscaling/v2/horizontalpodautoscalers',
    '/api/v1/resourcequotas',
    '/apis/apps/v1/deployments',
    '/apis/apps/v1/statefulsets',
    '/api/v1/pods',
  ].map(path => [path, aList([])]),
);
const paths = (seen: readonly Seen[]) => seen.map(({ path }) => path).filter(path => path !== REVIEWS);

describe('the inventory', () => {
  it('has the namespaces, then the Deployments, then their live Pods, by the clock of the API server', async () => {
    await using server = await fakeApiServer(meaningIt(answer));
    await using to = transportTo(server);
    const inventory = await readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 });
    assert.deepEqual(paths(server.seen), [
      '/api/v1/namespaces',
      '/apis/policy/v1/poddisruptionbudgets',
      '/apis/autoscaling/v2/horizontalpodautoscalers',
      '/api/v1/resourcequotas',
      '/apis/apps/v1/deployments',
      '/api/v1/pods',
    ]);
    assert.equal(inventory.at, Date.parse('2026-11-23T01:02:03Z'));
    assert.deepEqual([...inventory.namespaces.keys()], ['shop', 'other']);
    assert.deepEqual(
      inventory.workloads.map(({ namespace, name }) => `${namespace}/${name}`),
      ['shop/cart', 'shop/till', 'other/cart'],
    );
    const names = [...inventory.pods].map(([key, pods]) => [key, pods.map(pod => pod.name)]);
    assert.deepEqual(Object.fromEntries(names), {
      'shop/cart': ['live', 'pending'],
      'shop/till': [],
      'other/cart': [],
    });
    assert.deepEqual(inventory.bookmark, [{ kind: 'Deployment', namespace: '', resourceVersion: '100' }]);
    assert.deepEqual(inventory.skipped, []);
  });

  it('has the budgets that select the template or what admission made of it', async () => {
    const labels = (tier: string) => ({ metadata: { labels: { tier, 'pod-template-hash': 'abc' } } });
    const aBudget = (name: string, tier: string) => ({
      metadata: { namespace: 'shop', name },
      spec: { selector: { matchLabels: { tier } } },
    });
    const lists: Readonly<Record<string, Json>> = {
      '/api/v1/namespaces': aList([{ metadata: { name: 'shop' } }]),
      '/apis/policy/v1/poddisruptionbudgets': aList([
        aBudget('x', 'template'),
        aBudget('y', 'pod'),
        aBudget('z', 'no'),
      ]),
      '/api/v1/resourcequotas': aList([]),
      '/apis/autoscaling/v2/horizontalpodautoscalers': aList([]),
      '/apis/apps/v1/deployments': aList([
        aDeployment('both', { template: labels('template') }),
        aDeployment('pods'),
        aDeployment('none'),
      ]),
      '/api/v1/pods': aList([
        aPod('both', 'both-1', labels('pod')),
        aPod('both', 'both-2', labels('pod')),
        aPod('pods', 'pods-1', labels('pod')),
      ]),
    };
    await using server = await fakeApiServer(({ path }, response) => reply(response, 200, lists[path]));
    await using to = transportTo(server);
    const { budgets } = await readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 });
    const names = [...budgets].map(([key, all]) => [key, all.map(({ name }) => name)]);
    assert.deepEqual(Object.fromEntries(names), { 'shop/both': ['shop/x', 'shop/y'], 'shop/pods': ['shop/y'] });
  });

  it('counts the live Pods of nothing that is looked for, by whose they are', async () => {
    const owned = (kind: string, apiVersion: string): Json => ({ kind, apiVersion, name: 'x', controller: true });
    const of = (name: string, owners: readonly Json[], more: Json = {}): Json => ({
      metadata: { namespace: 'shop', name, ownerReferences: owners, ...Object(more) },
    });
    const lists: Readonly<Record<string, Json>> = {
      '/api/v1/namespaces': aList([{ metadata: { name: 'shop' } }]),
      '/apis/apps/v1/deployments': aList([aDeployment('cart')]),
      '/api/v1/pods': aList([
        aPod('cart', 'cart-1'),
        aPod('gone', 'gone-1'),
        of('job-1', [owned('Job', 'batch/v1')]),
        of('job-2', [owned('Job', 'batch/v1')]),
        of('job-3', [owned('Job', 'batch/v1')], { deletionTimestamp: '2026-11-24T01:00:00Z' }),
        of('etcd', [owned('Node', 'v1')]),
        of('db-0', [owned('StatefulSet', 'apps/v1')]),
        of('clone', [owned('CloneSet', 'apps.kruise.io/v1alpha1')]),
        of('bare', []),
      ]),
    };
    await using server = await fakeApiServer(({ path }, response) => reply(response, 200, lists[path] ?? aList([])));
    await using to = transportTo(server);
    const { strangers } = await readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 });
    assert.deepEqual(Object.fromEntries(strangers.get('shop') ?? []), {
      'Job.batch': 2,
      Node: 1,
      StatefulSet: 1,
      'CloneSet.apps.kruise.io': 1,
      '': 1,
    });
  });

  for (const scope of [CLUSTER, { kind: 'namespaces', names: ['shop', 'other'] }] as const) {
    it(`of a kind that nobody has installed is empty, and says so once, for ${scope.kind}`, async () => {
      await using server = await fakeApiServer((request, response) =>
        request.path.includes('rollouts')
          ? reply(response, 404, failure(404, 'the server could not find the requested resource'))
          : reply(response, 200, request.path.includes('deployments') ? aList([aDeployment('cart')]) : aList([])),
      );
      await using to = transportTo(server);
      const needs = { ...NO_NEEDS, kinds: ['Rollout', 'Deployment'] as const };
      const { workloads, bookmark, unserved } = await readInventory(to.transport, { scope, needs, now: 1 });
      assert.deepEqual(unserved, ['Rollout']);
      assert.ok(workloads.length > 0 && workloads.every(({ kind }) => kind === 'Deployment'));
      assert.ok(bookmark.length > 0 && bookmark.every(({ kind }) => kind === 'Deployment'), 'nothing to watch');
    });
  }

  it('is not read from a server that does not know Deployments', async () => {
    await using server = await fakeApiServer(({ path }, response) =>
      path.includes('deployments') ? reply(response, 404, failure(404, 'no')) : reply(response, 200, aList([])),
    );
    await using to = transportTo(server);
    await assert.rejects(readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 }), OutOfReach);
  });

  it('has the quotas, and what the newest Pod of a workload counts for where there are some', async () => {
    const requests = (memory: string) => ({
      containers: [{ name: 'app', resources: { requests: { memory, cpu: '1' } } }],
    });
    const made = (creationTimestamp: string, more: Json = {}) => ({ metadata: { creationTimestamp, ...more } });
    const lists: Readonly<Record<string, Json>> = {
      '/api/v1/namespaces': aList([{ metadata: { name: 'shop' } }, { metadata: { name: 'other' } }]),
      '/apis/policy/v1/poddisruptionbudgets': aList([]),
      '/apis/autoscaling/v2/horizontalpodautoscalers': aList([]),
      '/api/v1/resourcequotas': aList([
        {
          metadata: { namespace: 'shop', name: 'compute' },
          spec: { hard: { memory: '9Gi', pods: '9' } },
          status: { hard: { memory: '8Gi' }, used: { memory: '4Gi' } },
        },
      ]),
      '/apis/apps/v1/deployments': aList([aDeployment('cart'), aDeployment('till'), aDeployment('cart', {}, 'other')]),
      '/api/v1/pods': aList([
        aPod('cart', 'cart-1', { ...made('2026-11-22T03:00:00Z'), spec: requests('1Gi') }),
        aPod('cart', 'cart-2', { ...made('2026-11-22T03:00:02Z'), spec: requests('2Gi') }),
        aPod('cart', 'cart-3', { ...made('2026-11-22T03:00:01Z'), spec: requests('3Gi') }),
        aPod('till', 'till-1', { spec: requests('2Gi') }),
        aPod('cart', 'cart-1', { ...made('2026-11-22T03:00:00Z', { namespace: 'other' }), spec: requests('1Gi') }),
      ]),
    };
    await using server = await fakeApiServer(({ path }, response) => reply(response, 200, lists[path]));
    await using to = transportTo(server);
    const { quotas, usage } = await readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 });
    const quota = aQuota({ hard: { memory: '8Gi' }, used: { memory: '4Gi' } });
    assert.deepEqual(quotas, new Map([['shop', [quota]]]));
    const twoGi = aUsage({ memory: '2Gi' });
    assert.deepEqual(
      usage,
      new Map([
        ['shop/cart', twoGi],
        ['shop/till', twoGi],
      ]),
    );
    assert.equal(usage.get('shop/cart'), usage.get('shop/till'), 'fifty thousand copies would not fit');
  });

  it('has the autoscalers of what it may restart', async () => {
    const autoscaler = (name: string, target: Json, more: { readonly spec?: Json; readonly status?: Json } = {}) => ({
      metadata: { namespace: 'shop', name },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', ...target }, maxReplicas: 10, ...more.spec },
      status: more.status ?? {},
    });
    const lists: Readonly<Record<string, Json>> = {
      ...EMPTY,
      '/apis/autoscaling/v2/horizontalpodautoscalers': aList([
        autoscaler(
          'a',
          { name: 'cart' },
          { spec: { minReplicas: 2 }, status: { lastScaleTime: '2026-11-23T00:59:00Z' } },
        ),
        autoscaler('b', { name: 'cart' }, { spec: { minReplicas: 5 } }),
        autoscaler('c', { name: 'till' }, { status: { lastScaleTime: null } }),
        autoscaler('d', { name: 'db', kind: 'StatefulSet' }),
        autoscaler('e', { name: 'web', apiVersion: 'example.com/v1' }),
        autoscaler('f', { name: 'web', apiVersion: 'v1', kind: 'ReplicationController' }),
      ]),
    };
    await using server = await fakeApiServer(({ path }, response) => reply(response, 200, lists[path]));
    await using to = transportTo(server);
    const of = (kinds: readonly Kind[]) =>
      readInventory(to.transport, { scope: CLUSTER, needs: { ...NO_NEEDS, kinds }, now: 1 });
    const cart: Autoscaler = { name: 'a', min: 2, max: 10, lastScaled: Date.parse('2026-11-23T00:59:00Z') };
    const till: Autoscaler = { name: 'c', min: 1, max: 10, lastScaled: undefined };
    assert.deepEqual(
      (await of(['Deployment'])).autoscalers,
      new Map([
        ['shop/cart', cart],
        ['shop/till', till],
      ]),
    );
    const db = { ...till, name: 'd' };
    assert.deepEqual((await of(['StatefulSet'])).autoscalers, new Map([['shop/db (StatefulSet)', db]]));
  });

  it('is not read without the rights to it', async () => {
    await using server = await fakeApiServer(meaningIt((_, response) => reply(response, 403, failure(403, 'no'))));
    await using to = transportTo(server);
    await assert.rejects(readInventory(to.transport, { scope: CLUSTER, needs: NO_NEEDS, now: 1 }), (error: Error) => {
      assert.ok(error instanceof NotPermitted);
      assert.deepEqual(error.permission, { verb: 'list', resource: 'namespaces', namespace: '' });
      return true;
    });
  });

  it('of some namespaces skips those that are unknown or forbidden, and says so', async () => {
    await using server = await fakeApiServer(meaningIt(answer));
    await using to = transportTo(server);
    const names = ['gone', 'shop', 'forbidden', 'halfway', 'shop'];
    const inventory = await readInventory(to.transport, {
      scope: { kind: 'namespaces', names },
      needs: NO_NEEDS,
      now: 1,
    });
    assert.deepEqual([...inventory.namespaces.keys()], ['shop']);
    assert.deepEqual([...inventory.pods.keys()], ['shop/cart']);
    assert.equal(inventory.workloads.length, 1);
    assert.deepEqual(inventory.bookmark, [{ kind: 'Deployment', namespace: 'shop', resourceVersion: '50' }]);
    assert.deepEqual(inventory.skipped, [
      { namespace: 'gone', why: 'there is no such namespace' },
      { namespace: 'forbidden', why: 'not permitted to get namespaces in namespace forbidden' },
      { namespace: 'halfway', why: 'not permitted to list pods in namespace halfway' },
    ]);
  });

  it('of namespaces that cannot be read is empty, and dated by our clock', async () => {
    await using server = await fakeApiServer(meaningIt(answer));
    await using to = transportTo(server);
    const inventory = await readInventory(to.transport, {
      scope: { kind: 'namespaces', names: ['forbidden'] },
      needs: NO_NEEDS,
      now: 77,
    });
    assert.equal(inventory.at, 77);
    assert.equal(inventory.workloads.length, 0);
    assert.equal(inventory.skipped.length, 1);
  });

  it('of many namespaces reads four at a time, each once', async () => {
    let open = 0;
    let most = 0;
    await using server = await fakeApiServer((request, response) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        reply(response, 200, request.query['limit'] === undefined ? { metadata: { name: 'x' } } : aList([]));
      });
    });
    await using to = transportTo(server);
    const names = Array.from({ length: 20 }, (_, index) => `ns-${index}`);
    const inventory = await readInventory(to.transport, {
      scope: { kind: 'namespaces', names },
      needs: NO_NEEDS,
      now: 1,
    });
    assert.deepEqual(
      inventory.bookmark.map(({ namespace }) => namespace),
      names,
    );
    assert.equal(server.seen.length, 120);
    assert.ok(most <= 4, `${most} at a time`);
  });
});
