/**
 * npm run simulate:mutants [-- FAULT [SEEDS]]: plants each fault in a copy of the code, and demands that the simulator finds it.
 * A fault whose place is not there any more is one, too: this list goes with the code.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MUTANTS, type Mutant } from './mutant-list.ts';

/**
 * For each fault: some 5 s of one core, and two minutes for one that those do not find, because each change of the code tells
 * other stories. In seeds, so that a busy machine finds the same.
 */
const SEEDS = 360;
const MORE_SEEDS = 6_000;
/** A process that never waits is ended. */
const PATIENCE = 600_000;

/** Only faults that are called so, and another number of seeds. */
const [only, more = String(MORE_SEEDS)] = process.argv.slice(2);

const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);
const print = (text: string): boolean => process.stdout.write(`${text}\n`);

interface Found {
  readonly invariant: string;
  readonly seed: string;
  readonly nights: string;
  readonly seconds: string;
}

/** What the simulator of that tree finds; undefined where it finds nothing. */
async function hunt(tree: string, { from = 0, every = 1 }: Partial<Mutant>, many: number): Promise<Found | undefined> {
  const main = join(tree, 'test', 'simulation', 'main.ts');
  try {
    await run(process.execPath, [main, '--from', String(from), '--every', String(every), '--seeds', String(many)], {
      timeout: PATIENCE,
      maxBuffer: 64 << 20,
    });
    return undefined;
  } catch (error) {
    const killed = error instanceof Error && 'killed' in error && error.killed === true;
    if (killed) return { invariant: 'no run goes round without waiting', seed: '', nights: '', seconds: '' };
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    const [, seed = '', invariant = ''] = /^seed (\d+): ([^:]+):/m.exec(output) ?? [];
    const [, nights = '', seconds = ''] = /, (\d+) nights, .* in ([\d.]+) s/.exec(output) ?? [];
    if (invariant === '') throw error;
    return { invariant, seed, nights, seconds };
  }
}

const seedAfter = ({ from = 0, every = 1 }: Mutant): number => from + SEEDS * every;

async function plant(tree: string, { file, is, becomes }: Mutant): Promise<() => Promise<void>> {
  const path = join(tree, 'src', file);
  const text = await readFile(path, 'utf8');
  const times = text.split(is).length - 1;
  if (times !== 1) throw new Error(`src/${file} has ${times} times what should stand there once: ${is}`);
  await writeFile(
    path,
    text.replace(is, () => becomes),
  );
  return () => writeFile(path, text);
}

const tree = await mkdtemp(join(tmpdir(), 'nightshift-mutants-'));
try {
  await cp(join(ROOT, 'src'), join(tree, 'src'), { recursive: true });
  await cp(join(ROOT, 'test'), join(tree, 'test'), { recursive: true });
  await cp(join(ROOT, 'package.json'), join(tree, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  const wrong = await hunt(tree, {}, SEEDS);
  if (wrong !== undefined) throw new Error(`without any fault seed ${wrong.seed} breaks: ${wrong.invariant}`);
  let missed = 0;
  for (const mutant of MUTANTS.filter(({ fault }) => only === undefined || fault.includes(only))) {
    const unplant = await plant(tree, mutant);
    const found =
      (await hunt(tree, mutant, SEEDS)) ?? (await hunt(tree, { ...mutant, from: seedAfter(mutant) }, Number(more)));
    await unplant();
    if (found === undefined) missed++;
    const how =
      found === undefined
        ? `NOT FOUND in ${SEEDS} and ${more} seeds`
        : `${found.seconds.padStart(4)} s ${found.nights.padStart(5)} nights  ${found.invariant} (seed ${found.seed})`;
    print(`${mutant.fault.padEnd(72)} ${how}`);
  }
  print(missed === 0 ? 'All were found.' : `${missed} were not found.`);
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  await rm(tree, { recursive: true, force: true });
}
