/**
 * Whether what is in the bundle may be there: its licences, and whether anything is known against it. Needs a build. A
 * registry that does not answer is said, and no failure: what it would say is not known.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** They ask for no more than their text, which lies beside the bundle. */
const ALLOWED = new Set([
  'Apache-2.0',
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
]);

interface Component {
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string; readonly name?: string };
    readonly expression?: string;
  }[];
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function licences(): boolean {
  const { components }: { components: readonly Component[] } = JSON.parse(
    readFileSync('dist/nightshift.cdx.json', 'utf8'),
  );
  const named = components.map(({ name, version, licenses = [] }) => ({
    name: `${name}@${version}`,
    ids: licenses.map(({ license, expression }) => license?.id ?? license?.name ?? expression ?? 'unknown'),
  }));
  const refused = named.filter(({ ids }) => ids.length === 0 || ids.some(id => !ALLOWED.has(id)));
  for (const { name, ids } of refused)
    say(`licence: ${name}: ${ids.join(', ') || 'none is named'} is not among ${[...ALLOWED].join(', ')}`);
  if (refused.length === 0) say(`licences: ${named.length} packages in the bundle, all allowed`);
  return refused.length === 0;
}

interface Audit {
  readonly message?: string;
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

function audit(): boolean {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const {
    message = 'no answer',
    metadata,
    vulnerabilities = {},
  }: Audit = stdout.startsWith('{') ? JSON.parse(stdout) : {};
  if (metadata === undefined) {
    // Without the address, which is that of whoever runs this.
    say(
      `npm audit: not known, the registry does not answer (${message.replaceAll(/\w+:\/\/\S+/g, '…').slice(0, 100)})`,
    );
    return true;
  }
  const known = Object.entries(vulnerabilities).filter(([, { severity }]) => severity !== 'info' && severity !== 'low');
  for (const [name, { severity, range }] of known) say(`npm audit: ${name} ${range}: ${severity}`);
  if (known.length === 0) say('npm audit: nothing is known against what is installed for production');
  return known.length === 0;
}

const good = [licences(), audit()].every(Boolean);
process.exitCode = good ? 0 : 1;
