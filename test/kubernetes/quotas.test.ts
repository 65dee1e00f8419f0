import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { selectorMatches, type Labels } from '../../src/domain/selector.ts';
import { projectUsage } from '../../src/kubernetes/pod-usage.ts';
import { projectQuota } from '../../src/kubernetes/quotas.ts';
import { amountsOf, aQuota } from '../build.ts';
import { absurd } from './absurd.ts';
import { aPod, type Json } from './objects.ts';

const HIGH: Labels = { PriorityClass: 'high' };
const isCounted = (spec: Json, scopes: Labels) => {
  const { counts } = projectQuota({ spec });
  return counts !== undefined && selectorMatches(counts, scopes);
};
const by = (scopeName: string, operator: string, ...values: readonly string[]): Json => ({
  scopeSelector: { matchExpressions: [{ scopeName, operator, values }] },
});

describe('a ResourceQuota', () => {
  it('is what its status says: the spec is not in force yet', () => {
    const metadata = { namespace: 'shop', name: 'compute' };
    const status = { hard: { pods: '4', cpu: 'nonsense' }, used: { pods: '3' } };
    assert.deepEqual(projectQuota({ metadata, spec: { hard: { pods: '9' } }, status }), aQuota());
  });

  for (const [what, spec, scopes, yes] of [
    ['every Pod without scopes', {}, {}, true],
    ['no Pod without a deadline by the scope Terminating', { scopes: ['Terminating'] }, {}, false],
    ['a Pod with a deadline by it', { scopes: ['Terminating'] }, { Terminating: '' }, true],
    ['a Pod without a deadline by NotTerminating', { scopes: ['NotTerminating'] }, {}, true],
    ['a Pod without requests by BestEffort', { scopes: ['BestEffort'] }, { BestEffort: '' }, true],
    ['no such Pod by NotBestEffort', { scopes: ['NotBestEffort'] }, { BestEffort: '' }, false],
    ['a Pod of which all scopes hold', { scopes: ['NotTerminating', 'NotBestEffort'] }, {}, true],
    ['no Pod of which one does not', { scopes: ['NotTerminating', 'BestEffort'] }, {}, false],
    ['a Pod of any priority class by the scope alone', { scopes: ['PriorityClass'] }, HIGH, true],
    ['no Pod without one by it', { scopes: ['PriorityClass'] }, {}, false],
    ['a Pod of a class that is named', by('PriorityClass', 'In', 'high', 'higher'), HIGH, true],
    ['no Pod of another', by('PriorityClass', 'In', 'low'), HIGH, false],
    ['no Pod of a class that is excluded', by('PriorityClass', 'NotIn', 'high'), HIGH, false],
    ['a Pod without a class where one is excluded', by('PriorityClass', 'NotIn', 'high'), {}, true],
    ['a Pod without a class', by('PriorityClass', 'DoesNotExist'), {}, true],
    ['no Pod with a class by that', by('PriorityClass', 'DoesNotExist'), HIGH, false],
    ['a Pod by a scope that is selected', by('Terminating', 'Exists'), { Terminating: '' }, true],
    ['nobody by an operator that nobody knows', by('PriorityClass', 'Like', 'high'), HIGH, false],
    ['nobody by what a Pod alone does not tell', { scopes: ['CrossNamespacePodAffinity'] }, {}, false],
    ['nobody by a scope that nobody knows', { scopes: ['NotTerminating', 'New'] }, {}, false],
  ] as const satisfies readonly (readonly [string, Json, Labels, boolean])[]) {
    it(`counts ${what}`, () => assert.equal(isCounted(spec, scopes), yes));
  }

  it('is one, whatever the object', () => {
    const spec = { scopes: ['BestEffort'], scopeSelector: { matchExpressions: [{}] } };
    const object = { metadata: {}, spec, status: { hard: { pods: '1' }, used: { pods: '1' } } };
    fc.assert(fc.property(absurd(object), odd => void projectQuota(odd)));
  });
});

interface Taking {
  readonly requests?: Json;
  readonly limits?: Json;
  readonly sidecar?: boolean;
}

const aContainer = ({ sidecar = false, ...resources }: Taking): Json => ({
  resources,
  ...(sidecar ? { restartPolicy: 'Always' } : {}),
});
const cpu = (amount: string, more: Taking = {}): Taking => ({ requests: { cpu: amount }, ...more });
const ALL = new Set(
  ['cpu', 'memory', 'ephemeral-storage', 'hugepages-2Mi', 'nvidia.com/gpu'].flatMap(name => [
    name,
    `requests.${name}`,
    `limits.${name}`,
  ]),
);
const amountsFor = (spec: Json, names: ReadonlySet<string> = ALL) =>
  Object.fromEntries(projectUsage(aPod('web', 'web-1', { spec }), names).amounts);

describe('a Pod counts for', () => {
  for (const [what, spec, amounts] of [
    [
      'the sum of its containers',
      { containers: [cpu('100m'), cpu('1')].map(aContainer) },
      { cpu: '1100m', 'requests.cpu': '1100m' },
    ],
    [
      'what an init container takes that takes more',
      { containers: [cpu('1')].map(aContainer), initContainers: [cpu('2'), cpu('3'), cpu('1')].map(aContainer) },
      { cpu: '3', 'requests.cpu': '3' },
    ],
    [
      'no init container that takes less',
      { containers: [cpu('1')].map(aContainer), initContainers: [cpu('500m')].map(aContainer) },
      { cpu: '1', 'requests.cpu': '1' },
    ],
    [
      'its native sidecars beside its containers',
      { containers: [cpu('1')].map(aContainer), initContainers: [cpu('500m', { sidecar: true })].map(aContainer) },
      { cpu: '1500m', 'requests.cpu': '1500m' },
    ],
    [
      'an init container beside the sidecars before it, and not those after it',
      {
        containers: [cpu('1')].map(aContainer),
        initContainers: [cpu('1', { sidecar: true }), cpu('3'), cpu('1', { sidecar: true })].map(aContainer),
      },
      { cpu: '4', 'requests.cpu': '4' },
    ],
    [
      'requests and limits apart',
      {
        containers: [
          { requests: { memory: '1Gi', 'ephemeral-storage': '1Gi' }, limits: { memory: '2Gi', cpu: '1' } },
          { limits: { memory: '1Gi', 'ephemeral-storage': '3Gi' } },
        ].map(aContainer),
      },
      {
        memory: '1Gi',
        'requests.memory': '1Gi',
        'limits.memory': '3Gi',
        'ephemeral-storage': '1Gi',
        'requests.ephemeral-storage': '1Gi',
        'limits.ephemeral-storage': '3Gi',
        'limits.cpu': '1',
      },
    ],
    [
      'the requests of extended resources and huge pages',
      {
        containers: [
          { requests: { 'nvidia.com/gpu': '2', 'hugepages-2Mi': '4Mi' }, limits: { 'nvidia.com/gpu': '2' } },
        ].map(aContainer),
      },
      { 'requests.nvidia.com/gpu': '2', 'hugepages-2Mi': '4Mi', 'requests.hugepages-2Mi': '4Mi' },
    ],
    [
      'what it says for itself instead',
      { containers: [cpu('1'), cpu('2')].map(aContainer), resources: { requests: { cpu: '1500m' } } },
      { cpu: '1500m', 'requests.cpu': '1500m' },
    ],
    [
      'what its runtime takes, where it has limits also of these',
      {
        containers: [{ requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } }].map(aContainer),
        overhead: { cpu: '250m', memory: '128Mi' },
      },
      {
        cpu: '1250m',
        'requests.cpu': '1250m',
        memory: '1152Mi',
        'requests.memory': '1152Mi',
        'limits.memory': '1152Mi',
      },
    ],
    ['nothing where nothing is asked for', { containers: [{}] }, {}],
    ['nothing that is no quantity', { containers: [cpu('lots')].map(aContainer) }, {}],
  ] as const satisfies readonly (readonly [string, Json, Readonly<Record<string, string>>])[]) {
    it(what, () => assert.deepEqual(amountsFor(spec), Object.fromEntries(amountsOf(amounts))));
  }

  it('one Pod, and only for what a quota names', () => {
    const spec = { containers: [cpu('1')].map(aContainer) };
    const names = new Set(['pods', 'count/pods', 'limits.cpu', 'requests.cpu']);
    const one = { 'requests.cpu': '1', pods: '1', 'count/pods': '1' };
    assert.deepEqual(amountsFor(spec, names), Object.fromEntries(amountsOf(one)));
  });

  it('the scopes that hold of it', () => {
    const pod = aPod('web', 'web-1', {
      spec: { activeDeadlineSeconds: 0, priorityClassName: 'high' },
      status: { qosClass: 'BestEffort' },
    });
    assert.deepEqual(projectUsage(pod, ALL).scopes, { Terminating: '', BestEffort: '', PriorityClass: 'high' });
    const plain = aPod('web', 'web-1', { status: { qosClass: 'Burstable' } });
    assert.deepEqual(projectUsage(plain, ALL).scopes, {});
  });

  it('something or nothing, whatever the object', () => {
    const containers = [aContainer(cpu('1')), aContainer(cpu('1', { sidecar: true }))];
    const spec = { containers, initContainers: containers, overhead: { cpu: '1' }, resources: { requests: {} } };
    fc.assert(fc.property(absurd({ metadata: {}, spec }), pod => void projectUsage(pod, ALL)));
  });
});
