import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generatedFiles } from './generated.ts';
import { CHART } from './helm.ts';
import { documentedValues } from './values-comments.ts';
import { valuesSchema } from './values-schema.ts';

const documented = documentedValues(readFileSync(join(CHART, 'values.yaml'), 'utf8'));

for (const { name, committed, generated } of generatedFiles()) {
  test(`${name} is what \`node test/chart/generated.ts --write\` writes`, () => {
    assert.equal(committed, generated);
  });
}

test('every value that the schema knows is in values.yaml, with its default and a comment', () => {
  const inSchema = Object.keys(valuesSchema(documented).properties ?? {});
  const inValues = documented.map(({ path }) => path[0]);
  assert.deepEqual(new Set([...inValues, 'global']), new Set(inSchema));
});

test('no mapping in the schema accepts a key that it does not name', () => {
  const open = [...openMappings(valuesSchema(documented), '')];
  // Helm gives every dependency of a chart these, whatever they are.
  assert.deepEqual(open, ['/properties/global']);
});

/** Labels and quantities have keys of their own, so there it is their values that must be constrained. */
function* openMappings(schema: unknown, path: string): Generator<string> {
  if (typeof schema !== 'object' || schema === null) return;
  const type = 'type' in schema ? [schema.type].flat() : [];
  const rest = 'additionalProperties' in schema ? schema.additionalProperties : true;
  const constrains = typeof rest === 'object' && rest !== null && 'type' in rest;
  if (type.includes('object') && rest !== false && !constrains) yield path;
  for (const [key, part] of Object.entries(schema)) yield* openMappings(part, `${path}/${key}`);
}

test('a key without a comment is not documented, and a comment before a blank line is about something else', () => {
  const text = '# About the file.\n\n# How often.\n# In minutes.\nevery: 10\n\nimage:\n  # Which.\n  tag: ""\n';
  assert.deepEqual(documentedValues(text), [
    { path: ['every'], comment: 'How often. In minutes.', default: 10 },
    { path: ['image', 'tag'], comment: 'Which.', default: '' },
  ]);
  assert.throws(() => documentedValues('# Known.\none: 1\nimage:\n  tag: ""\n'), /image\.tag has no comment/);
});
