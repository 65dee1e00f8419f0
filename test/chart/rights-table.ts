/** The rights of the ServiceAccount, as the tables in the chart's README state them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART } from './helm.ts';

/** What `rbac.namespaces` makes of it: nothing listed, or something. */
export type Scope = 'cluster' | 'namespaces';

const PLACES = ['everywhere', 'listed namespace', 'namespace in ready', 'release namespace'] as const;

export interface Right {
  readonly where: (typeof PLACES)[number];
  /** As `kubectl auth can-i --list` spells it: `deployments.apps`. */
  readonly resource: string;
  /** The only object; empty for all. FULLNAME stands for itself, `its own` for the name of the namespace. */
  readonly only: string;
  readonly verbs: readonly string[];
  /** The word that the policy must have; empty for any policy. */
  readonly when: string;
}

/** The rows of one table, in their order. Throws when the README has no such table or a row of it says something else. */
export function rightsTable(scope: Scope): readonly Right[] {
  const readme = readFileSync(join(CHART, 'README.md'), 'utf8');
  const [, table] = new RegExp(`<!-- rights: ${scope} -->\n\n(.+?)\n\n`, 's').exec(readme) ?? [];
  if (table === undefined) throw new Error(`README.md has no table of the rights in scope ${scope}`);
  const [, , ...rows] = table.split('\n');
  return rows.map(row => {
    const [place = '', resource = '', only = '', verbs = '', when = ''] = row
      .split('|')
      .slice(1)
      .map(cell => cell.trim().replaceAll('`', ''));
    const where = PLACES.find(one => one === place);
    if (where === undefined) throw new Error(`README.md: where is ${place}?`);
    return { where, resource, only, verbs: verbs.split(', '), when };
  });
}
