/** What the ServiceAccount may do on a real API server, against what the chart's README says. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { after, before, test } from 'node:test';
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
}

const cases: readonly Case[] = [
  {
    what: 'in the whole cluster the account may do what the README says, and nothing else',
    listed: [],
    scope: 'cluster',
    holds: { ops: ['everywhere', 'release namespace'], shop: ['everywhere'], elsewhere: ['everywhere'] },
  },
  {
    what: 'an upgrade to a list of namespaces takes its rights away everywhere else',
    listed: ['shop'],
    scope: 'namespaces',
    holds: { ops: ['release namespace'], shop: ['listed namespace'], elsewhere: [] },
  },
  {
    what: 'the namespace of the release may be in the list',
    listed: ['shop', 'ops'],
    scope: 'namespaces',
    holds: { ops: ['release namespace', 'listed namespace'], shop: ['listed namespace'], elsewhere: [] },
  },
];

for (const { what, listed, scope, holds } of cases) {
  test(what, async () => {
    const values = JSON.stringify({ policy: POLICY, rbac: { namespaces: listed } });
    await cluster.helm('upgrade', '--install', 'nightshift', CHART, '-n', 'ops', '--set-json', values);
    for (const namespace of NAMESPACES) {
      const rows = rightsTable(scope).filter(({ where }) => holds[namespace]?.includes(where));
      await assertRights(
        namespace,
        rows.flatMap(row => spelledOut(row, namespace)),
      );
    }
  });
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
  const name = only.replace('FULLNAME', 'nightshift').replace('its own', namespace);
  return verbs.map(verb => `${verb} ${resource} [${name}]`);
}
