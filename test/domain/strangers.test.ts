import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strangersIn } from '../../src/domain/strangers.ts';
import { aNamespace, aPolicy } from '../build.ts';

test('Pods of nothing that is restarted are told of the selected namespaces, the most first, each with its reason', () => {
  const namespaces = new Map(['shop', 'pay', 'kube-system'].map(name => [name, aNamespace({ name })]));
  const counts = new Map([
    [
      'shop',
      new Map([
        ['Job.batch', 2],
        ['', 1],
        ['StatefulSet', 4],
      ]),
    ],
    [
      'pay',
      new Map([
        ['Job.batch', 3],
        ['CloneSet.apps.kruise.io', 1],
        ['Node', 1],
      ]),
    ],
    ['kube-system', new Map([['Node', 9]])],
    ['made-since', new Map([['Job.batch', 9]])],
  ]);
  assert.deepEqual(strangersIn(counts, { policy: aPolicy(), namespaces }), [
    { controller: 'Job.batch', pods: 5, why: 'endByThemselves' },
    { controller: 'StatefulSet', pods: 4, why: 'kindNotSelected' },
    { controller: '', pods: 1, why: 'withoutController' },
    { controller: 'CloneSet.apps.kruise.io', pods: 1, why: 'unknownController' },
    { controller: 'Node', pods: 1, why: 'staticPods' },
  ]);
});
