/** What is wrong with a text before it says anything about windows, selection or pace. */
import { type Case, plus, SMALL_POLICY, swap } from '../policy-build.ts';

const MAPPING = 'a mapping (keys: apiVersion, ';
const KEYS =
  'one of the keys apiVersion, availability, batches, kind, onFailure, order, ready, restart, rollout, select, stale, windows';

/** What is wrong before anybody asks what it means. */
export const TEXT: readonly Case[] = [
  ['an empty file', '‸', '', MAPPING, 'null'],
  ['a file of comments', '‸# nothing here\n# to see\n', '', MAPPING],
  ['a list', '‸- a\n- b\n', '', MAPPING, '["a","b"]'],
  ['a sentence', '‸restart everything\n', '', MAPPING],
  ['a tab', swap('  allow:', '‸\tallow:'), '', 'Tabs are not allowed'],
  ['an open quote', `${swap('4h }', '"4h }').trimEnd()}‸`, '', 'Missing closing "quote'],
  ['an open bracket', plus('batches: { sizes: [1, 5', '‸onFailure: {}'), '', 'valid YAML'],
  ['an unquoted star', swap('0 1 * * *', '‸* 1 * * *'), '', 'Alias cannot be an empty string'],
  ['a list among keys', plus('‸- podOlderThan: 1d'), '', 'valid YAML'],
  ['two documents', plus('‸---', 'kind: RestartPolicy'), '', 'one document only'],
  ['YAML 1.1', `‸%YAML 1.1\n---\n${SMALL_POLICY}`, '', 'YAML 1.2 without directives'],
  ['a tag directive', `‸%TAG ! tag:example.com,2026:\n---\n${SMALL_POLICY}`, '', 'YAML 1.2 without directives'],
  [
    'an alias',
    plus('rollout: { timeout: &long 10m }', 'batches: { pause: ‸*long }'),
    'batches.pause',
    'aliases are not supported',
    '"*long"',
  ],
  ['a merge key', plus('rollout: { ‸<<: { timeout: 10m } }'), 'rollout["<<"]', 'merge keys are not supported'],
  ['a standard tag', plus('rollout: { timeout: !!str ‸10m }'), 'rollout.timeout', 'a value without a tag', '"!!str"'],
  ['a tag of its own', plus('rollout: !fast ‸{ timeout: 10m }'), 'rollout', 'a value without a tag'],
  ['a key that stands twice', plus('batches: { pause: 1m }', '‸batches: { pause: 2m }'), 'batches', 'each key once'],
  ['a key twice in one line', plus('batches: { pause: 1m, ‸pause: 1m }'), 'batches.pause', 'each key once'],
  ['a list for a key', plus('? ‸[a, b]', ': c'), '', 'a key that is plain text', 'a list or a mapping'],
  ['a number for a key', plus('batches: { ‸1: 2 }'), 'batches', 'a key that is plain text', '1'],
  ['a text of a megabyte', `‸#${' '.repeat(1 << 20)}`, '', 'at most 256 KiB'],
  ['a thousand brackets', `‸${'['.repeat(5000)}`, '', 'at most 16 levels'],
];

export const DOCUMENT: readonly Case[] = [
  [
    'no apiVersion',
    SMALL_POLICY.replace('apiVersion: nightshift/v1alpha1\n', '‸'),
    'apiVersion',
    'nightshift/v1alpha1',
    'nothing',
  ],
  ['another apiVersion', swap('nightshift/v1alpha1', '‸nightshift/v1'), 'apiVersion', 'nightshift/v1alpha1'],
  ['another kind', swap('RestartPolicy', '‸Restartpolicy'), 'kind', 'RestartPolicy'],
  ['an unknown key', plus('‸schedule: nightly'), 'schedule', KEYS, '"schedule"'],
  ['a misspelt key', plus('‸rollouts: {}'), 'rollouts', '(did you mean rollout?)'],
  ['a prototype', plus('‸__proto__: { stale: [] }'), '__proto__', KEYS],
  ['a constructor', plus('‸constructor: 1'), 'constructor', KEYS],
  ['a dotted key', plus('‸rollout.timeout: 1m'), '["rollout.timeout"]', KEYS],
  ['null for a mapping', plus('‸select:'), 'select', 'a mapping (keys: kinds, namespaces, workloads)', 'null'],
];
