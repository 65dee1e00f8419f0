import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from 'yaml';
import { policySchema } from '../../src/domain/policy.ts';
import { FULL_POLICY, plus, SMALL_POLICY, swap } from './policy-build.ts';

/** The part of draft-07 that the schema uses; a keyword beyond it fails the test instead of passing unread. */
function complaints(schema: unknown, value: unknown, path = ''): readonly string[] {
  const rules = entriesOf(schema);
  const broken = rules.flatMap(([keyword, rule]): readonly string[] => {
    switch (keyword) {
      case 'title':
      case 'description':
      case 'default':
      case '$schema':
      case 'additionalProperties':
        return [];
      case 'type':
        return typeOf(value).includes(String(rule)) ? [] : [path];
      case 'const':
        return value === rule ? [] : [path];
      case 'enum':
        return Array.isArray(rule) && rule.includes(value) ? [] : [path];
      case 'pattern':
        return typeof value === 'string' && !new RegExp(String(rule)).test(value) ? [path] : [];
      case 'minimum':
        return typeof value === 'number' && value < Number(rule) ? [path] : [];
      case 'maximum':
        return typeof value === 'number' && value > Number(rule) ? [path] : [];
      case 'minItems':
        return Array.isArray(value) && value.length < Number(rule) ? [path] : [];
      case 'maxProperties':
        return entriesOf(value).length > Number(rule) ? [path] : [];
      case 'required':
        return Array.isArray(rule) ? rule.filter(key => !keysOf(value).includes(key)).map(key => `${path}/${key}`) : [];
      case 'items':
        return Array.isArray(value) ? value.flatMap((item, at) => complaints(rule, item, `${path}/${at}`)) : [];
      case 'properties':
        return entriesOf(value).flatMap(([key, child]) => {
          const property = Object.fromEntries(entriesOf(rule))[key];
          return property === undefined ? [`${path}/${key}`] : complaints(property, child, `${path}/${key}`);
        });
      case 'not':
        return complaints(rule, value).length === 0 ? [path] : [];
      case 'anyOf':
        return Array.isArray(rule) && rule.some(it => complaints(it, value).length === 0) ? [] : [path];
      case 'oneOf':
        return Array.isArray(rule) && rule.filter(it => complaints(it, value).length === 0).length === 1 ? [] : [path];
      default:
        return assert.fail(`the test does not know the keyword ${keyword}`);
    }
  });
  return [...new Set(broken)];
}

const isMapping = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  isMapping(value) ? Object.entries(value) : [];
const keysOf = (value: unknown): readonly string[] => entriesOf(value).map(([key]) => key);

function typeOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return ['array'];
  return Number.isInteger(value) ? ['number', 'integer'] : [typeof value];
}

const schema = JSON.parse(JSON.stringify(policySchema()));
const complaintsAbout = (text: string): readonly string[] => complaints(schema, parseDocument(text).toJS());

/** Every schema below one, the one included. */
function all(part: unknown): readonly object[] {
  if (!isMapping(part)) return [];
  const parts = new Map(entriesOf(part));
  const below = [...entriesOf(parts.get('properties')).map(([, child]) => child), parts.get('items')];
  return [part, ...below.flatMap(all)];
}

test('the JSON Schema is draft-07, which Helm and editors read', () => {
  assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
  assert.equal(schema.type, 'object');
  assert.deepEqual(schema.required, ['apiVersion', 'kind', 'windows', 'stale']);
});

test('the JSON Schema accepts what is a policy', () => {
  assert.deepEqual(complaintsAbout(FULL_POLICY), []);
  assert.deepEqual(complaintsAbout(SMALL_POLICY), []);
});

const REJECTED: readonly (readonly [text: string, path: string])[] = [
  [swap('kind: RestartPolicy\n', ''), '/kind'],
  [swap('nightshift/v1alpha1', 'nightshift/v1'), '/apiVersion'],
  [swap('RestartPolicy', 'Policy'), '/kind'],
  [plus('schedule: nightly'), '/schedule'],
  [swap('0 1 * * *', '0 1 * *'), '/windows/allow/0/opens'],
  [swap('4h', '4'), '/windows/allow/0/lasts'],
  [swap('4h', '4w'), '/windows/allow/0/lasts'],
  [swap('name: nights, ', ''), '/windows/allow/0/name'],
  [swap('- { name: nights, opens: 0 1 * * *, lasts: 4h }', '[]'), '/windows/allow'],
  [swap('stale:', '  deny: [{ name: x }]\nstale:'), '/windows/deny/0'],
  [swap('stale:', '  deny: [{ name: x, opens: 0 1 * * *, until: 2026-12-20 }]\nstale:'), '/windows/deny/0'],
  [swap('stale:', '  deny: [{ name: x, opens: 0 1 * * *, lasts: 1h, until: 2026-12-20 }]\nstale:'), '/windows/deny/0'],
  [swap('podOlderThan: 7d', 'container: p'), '/stale/0'],
  [swap('podOlderThan: 7d', '{ podOlderThan: 7d, container: p, imageNot: [a] }'), '/stale/0'],
  [swap('podOlderThan: 7d', '{ injection: drift, podOlderThan: 7d }'), '/stale/0'],
  [swap('podOlderThan: 7d', '{ podOlderThan: 7d, containers: [p] }'), '/stale/0'],
  [swap('podOlderThan: 7d', '{ configChanged: {}, fields: [image] }'), '/stale/0'],
  [swap('podOlderThan: 7d', '{ injection: drift, fields: [ports] }'), '/stale/0/fields/0'],
  [plus('ready: [{ deployment: istiod }]'), '/ready/0/deployment'],
  [plus('select: { namespaces: { include: [Team] } }'), '/select/namespaces/include/0'],
  [plus('select: { workloads: { exclude: [old] } }'), '/select/workloads/exclude/0'],
  [plus('batches: { sizes: [0] }'), '/batches/sizes/0'],
  [plus('batches: { inFlight: { pods: 1.5 } }'), '/batches/inFlight/pods'],
  [plus('onFailure: { undo: always }'), '/onFailure/undo'],
  [plus('onFailure: { resume: never }'), '/onFailure/resume'],
];

for (const [text, path] of REJECTED) {
  test(`the JSON Schema rejects what is wrong with ${path}: ${text.length}`, () => {
    assert.deepEqual(complaintsAbout(text), [path]);
  });
}

test('every key has a description, for editors and for the documentation of the chart', () => {
  for (const part of all(schema)) {
    for (const [key, property] of entriesOf(new Map(entriesOf(part)).get('properties'))) {
      assert.match(String(new Map(entriesOf(property)).get('description')), /^[A-Z].*\.$/, key);
    }
  }
});

test('no mapping takes unknown keys', () => {
  for (const part of all(schema).filter(it => 'properties' in it)) {
    assert.ok('additionalProperties' in part && part.additionalProperties === false);
  }
});

test('patterns are such that Go understands them too, because Helm is written in it', () => {
  const patterns = all(schema).flatMap(part => ('pattern' in part ? [String(part.pattern)] : []));
  assert.ok(patterns.length > 0);
  for (const pattern of patterns) {
    assert.doesNotMatch(pattern, /\(\?|\\[1-9pPu]/, 'no lookaround, back reference or Unicode escape');
    for (const [, most] of pattern.matchAll(/\{\d+,(\d+)\}/g)) assert.ok(Number(most) <= 1000, pattern);
  }
});
