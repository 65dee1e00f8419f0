/**
 * What is written from values.yaml and the policy's schema: `values.schema.json` and the table in the chart's README.
 * `node test/chart/generated.ts --write` brings both up to date; a test says when they are not.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART } from './helm.ts';
import { type DocumentedValue, documentedValues } from './values-comments.ts';
import { valuesSchema } from './values-schema.ts';

const SCHEMA = 'values.schema.json';
const README = 'README.md';
const TABLE = /(<!-- values: [^>]*-->\n).*?(<!-- end of values -->)/s;

export interface GeneratedFile {
  /** Within the chart. */
  readonly name: string;
  readonly committed: string;
  readonly generated: string;
}

/** The files as they are and as they should be. */
export function generatedFiles(): readonly GeneratedFile[] {
  const documented = documentedValues(read('values.yaml'));
  const readme = read(README);
  if (!TABLE.test(readme)) throw new Error(`${README} has no place for the table of values`);
  return [
    { name: SCHEMA, committed: read(SCHEMA), generated: `${JSON.stringify(valuesSchema(documented), null, 2)}\n` },
    {
      name: README,
      committed: readme,
      generated: readme.replace(TABLE, (_, start: string, end: string) => `${start}\n${table(documented)}\n\n${end}`),
    },
  ];
}

function table(documented: readonly DocumentedValue[]): string {
  const rows = documented.map(({ path, default: value, comment }) => {
    const cells = [`\`${path.join('.')}\``, `\`${JSON.stringify(value)}\``, comment];
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function read(name: string): string {
  try {
    return readFileSync(join(CHART, name), 'utf8');
  } catch {
    return ''; // not there yet: all of it is missing
  }
}

if (import.meta.main && process.argv.includes('--write')) {
  for (const { name, generated } of generatedFiles()) writeFileSync(join(CHART, name), generated);
}
