/** Deployments, StatefulSets and DaemonSets in one sweep, by their rollouts and by evictions, whose runs are killed at moments that chance chooses. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RESTARTED_AT } from '../../src/domain/model.ts';
import { settledKinds, ofKind } from '../cluster/fleet.ts';
import { type Site, quickPolicy } from '../e2e/site.ts';
import { injectedSite, upgrade, wantsNew } from '../e2e/upgraded.ts';
import { Random } from '../simulation/random.ts';
import { killedNowAndThen } from './now-and-then.ts';

const NIGHTS = 6;
/** Milliseconds; a run of its own takes some twenty seconds. */
const LONGEST = 8_000;
/** Whose template stays as it is. */
const EVICTED = ['ledger', 'archive', 'driver'];
const KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

async function aFleet(): Promise<Site> {
  const site = await injectedSite({ kinds: ['statefulsets', 'daemonsets'], also: ['create pods/eviction'] });
  const [namespace = ''] = site.namespaces;
  const podAnnotations = { 'test.nightshift/delay': '1s' };
  const of = (name: string) => ({ namespace, name, replicas: 2, podAnnotations });
  const manifests = [
    ...['web', 'api'].map(name => site.deployment(of(name))),
    ...['db', 'cache'].map(name => ofKind('StatefulSet', of(name))),
    ofKind('DaemonSet', of('agent')),
    ofKind('StatefulSet', { ...of('ledger'), spec: { updateStrategy: { type: 'OnDelete' } } }),
    ofKind('StatefulSet', { ...of('archive'), spec: { updateStrategy: { rollingUpdate: { partition: 2 } } } }),
    ofKind('DaemonSet', { ...of('driver'), spec: { updateStrategy: { type: 'OnDelete' } } }),
  ];
  await site.cluster.kubectlApply(manifests.map(manifest => JSON.stringify(manifest)).join('\n---\n'));
  await settledKinds(site.cluster, namespace);
  await upgrade(site);
  return site;
}

interface Revision {
  readonly metadata: { readonly ownerReferences?: readonly { readonly name: string }[] };
  readonly spec?: Template;
  readonly data?: { readonly spec: Template };
}

interface Template {
  readonly template: { readonly metadata: { readonly annotations?: Readonly<Record<string, string>> } };
}

/** How often each was restarted: ReplicaSets and ControllerRevisions with a T of their own. */
async function restartsIn({ cluster, namespaces }: Site): Promise<Record<string, number>> {
  await settledKinds(cluster, namespaces[0] ?? '');
  const seen = new Map<string, Set<string>>();
  for (const plural of ['replicasets', 'controllerrevisions']) {
    const path = `/apis/apps/v1/namespaces/${namespaces[0]}/${plural}`;
    const { items } = await cluster.api<{ items: readonly Revision[] }>(path);
    for (const { metadata, spec, data } of items) {
      const owner = metadata.ownerReferences?.[0]?.name ?? '';
      const at = (spec ?? data?.spec)?.template.metadata.annotations?.[RESTARTED_AT];
      const all = seen.get(owner) ?? new Set();
      seen.set(owner, at === undefined ? all : all.add(at));
    }
  }
  return Object.fromEntries([...seen].map(([name, all]) => [name, all.size]));
}

/** The uids of their Pods. */
async function evictable({ cluster, namespaces }: Site): Promise<ReadonlySet<string>> {
  const { items } = await cluster.api<{ items: readonly { metadata: { uid: string; labels: { app: string } } }[] }>(
    `/api/v1/namespaces/${namespaces[0]}/pods`,
  );
  return new Set(
    items.filter(({ metadata }) => EVICTED.includes(metadata.labels.app)).map(({ metadata }) => metadata.uid),
  );
}

describe('every kind, whenever runs are killed, is restarted once and followed to its end', { concurrency: 3 }, () => {
  for (let night = 0; night < NIGHTS; night++) {
    test(`night ${night}`, async () => {
      const random = new Random(`kinds/${night}`);
      const site = await aFleet();
      const policy = quickPolicy(site, {
        ...wantsNew,
        select: { kinds: KINDS, namespaces: { include: site.namespaces } },
        batches: { sizes: [2], pause: '0s' },
      });
      const before = await evictable(site);
      const run = await killedNowAndThen(site, policy, { random, longest: LONGEST });
      assert.deepEqual([await run(), await run()], [0, 0]);
      const none = Object.fromEntries(EVICTED.map(name => [name, 0]));
      assert.deepEqual(await restartsIn(site), { agent: 1, api: 1, cache: 1, db: 1, web: 1, ...none });
      const after = await evictable(site);
      assert.deepEqual([after.size, after.intersection(before)], [before.size, new Set()]);
      const evictions = (await site.requests()).filter(
        ({ resource, code }) => resource === 'pods/eviction' && code === 201,
      );
      assert.equal(evictions.length, before.size);
      const { starts, hold } = await site.checkpoint();
      assert.equal(hold, null);
      assert.ok(starts.every(({ outcome }) => outcome === 'restarted'));
    });
  }
});
