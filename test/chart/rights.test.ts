/** What the ServiceAccount may do on a real API server, against what the chart's README says. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { after, before, test } from 'node:test';
import { KINDS } from '../../src/domain/model.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { until } from '../cluster/until.ts';
import { CHART, POLICY } from './helm.ts';
import { type Right, rightsTable, type Scope } from './rights-table.ts';

const NAMESPACES = ['ops', 'shop', 'elsewhere'];
let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ nodes: 0 });
  await Promise.all(NAMESPACES.map(namespace => cluster.kubectl('create', 'namespace', namespace)));
});
after(() => cluster.stop());

interface Case {
  readonly what: string;
  readonly listed: readonly string[];
  readonly scope: Scope;
  /** The rows that hold in each namespace. */
  readonly holds: Readonly<Record<string, readonly Right['where'][]>>;
  /** Words of the policy that bring more rights. */
  readonly uses?: readonly string[];
}

const ALL = ['injection', 'configChanged', 'secrets', 'ready', 'StatefulSet', 'DaemonSet', 'Rollout', 'evict'];
const EVERYWHERE = {
  ops: ['everywhere', 'release namespace'],
  shop: ['everywhere'],
  elsewhere: ['everywhere'],
} as const;

const cases: readonly Case[] = [
  {
    what: 'in the whole cluster the account may do what the README says, and nothing else',
    listed: [],
    scope: 'cluster',
    holds: EVERYWHERE,
  },
  {
    what: 'a criterion brings what it needs: injection',
    listed: [],
    scope: 'cluster',
    holds: EVERYWHERE,
    uses: ['injection'],
  },
  { what: 'configChanged', listed: [], scope: 'cluster', holds: EVERYWHERE, uses: ['configChanged'] },
  { what: 'another kind', listed: [], scope: 'cluster', holds: EVERYWHERE, uses: ['StatefulSet', 'evict'] },
  { what: 'another way', listed: [], scope: 'cluster', holds: EVERYWHERE, uses: ['evict'] },
  { what: 'a kind of its own API group', listed: [], scope: 'cluster', holds: EVERYWHERE, uses: ['Rollout'] },
  { what: 'all that there are', listed: [], scope: 'cluster', holds: EVERYWHERE, uses: ALL },
  {
    what: 'an upgrade to a list of namespaces takes its rights away everywhere else',
    listed: ['shop'],
    scope: 'namespaces',
    holds: { ops: ['release namespace'], shop: ['listed namespace'], elsewhere: [] },
  },
  {
    what: 'all criteria in a list of namespaces, and what is waited for elsewhere',
    listed: ['shop'],
    scope: 'namespaces',
    holds: { ops: ['release namespace'], shop: ['listed namespace'], elsewhere: ['namespace in ready'] },
    uses: ALL,
  },
  {
    what: 'the namespace of the release may be in the list',
    listed: ['shop', 'ops'],
    scope: 'namespaces',
    holds: { ops: ['release namespace', 'listed namespace'], shop: ['listed namespace'], elsewhere: [] },
  },
  {
    what: 'what is waited for may be in the list',
    listed: ['shop', 'elsewhere'],
    scope: 'namespaces',
    holds: { ops: ['release namespace'], shop: ['listed namespace'], elsewhere: ['listed namespace'] },
    uses: ['ready'],
  },
];

for (const { what, listed, scope, holds, uses = [] } of cases) {
  test(what, async () => {
    const rbac = { namespaces: listed, secrets: true };
    const values = JSON.stringify({ policy: policyWith(uses), rbac });
    await cluster.helm('upgrade', '--install', 'nightshift', CHART, '-n', 'ops', '--set-json', values);
    for (const namespace of NAMESPACES) {
      const rows = rightsTable(scope).filter(
        ({ where, when }) =>
          holds[namespace]?.includes(where) && (when === '' || when === 'Deployment' || uses.includes(when)),
      );
      await assertRights(
        namespace,
        rows.flatMap(row => spelledOut(row, namespace)),
      );
    }
  });
}

/** `injector` runs elsewhere. */
function policyWith(uses: readonly string[]): object {
  return {
    ...POLICY,
    select: { kinds: KINDS.filter(kind => kind === 'Deployment' || uses.includes(kind)) },
    stale: [
      ...POLICY.stale,
      ...(uses.includes('injection') ? [{ injection: 'drift' }] : []),
      ...(uses.includes('configChanged') ? [{ configChanged: { secrets: uses.includes('secrets') } }] : []),
    ],
    restart: { way: uses.includes('evict') && !uses.includes('StatefulSet') ? 'evict' : 'auto' },
    ready: uses.includes('ready') ? [{ deployment: 'elsewhere/injector' }] : [],
  };
}

/** The API server learns of Roles a moment after they are written. */
async function assertRights(namespace: string, rights: readonly string[]): Promise<void> {
  const expected = new Set(rights.toSorted());
  let granted = new Set<string>();
  const asExpected = async () => {
    const common = await rightsOf('default', namespace);
    granted = (await rightsOf('nightshift', namespace)).difference(common);
    return isDeepStrictEqual(granted, expected);
  };
  await until('the rights to be as expected', asExpected, { seconds: 5 }).catch(() => undefined);
  assert.deepEqual(granted, expected, `in ${namespace}`);
}

/** One line for each verb on each resource: `get configmaps [nightshift-checkpoint]`. */
async function rightsOf(account: string, namespace: string): Promise<Set<string>> {
  const user = `system:serviceaccount:ops:${account}`;
  const text = await cluster.kubectl('auth', 'can-i', '--list', '--no-headers', '--as', user, '-n', namespace);
  const rows = text.matchAll(/^(\S*) +\[(.*?)\] +\[(.*?)\] +\[(.*?)\]$/gm);
  const rights = [...rows].flatMap(([, resource = '', url = '', only = '', verbs = '']) =>
    verbs.split(' ').map(verb => `${verb} ${resource}${url} [${only}]`),
  );
  return new Set(rights.toSorted());
}

function spelledOut({ resource, only, verbs }: Right, namespace: string): readonly string[] {
  const name = only
    .replace('FULLNAME', 'nightshift')
    .replace('its own', namespace)
    .replace('those in ready', 'injector');
  return verbs.map(verb => `${verb} ${resource} [${name}]`);
}
