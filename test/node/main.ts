/**
 * The test on a real node: builds the image, and runs `scenario.ts` on a machine of its own. Where that cannot be, it
 * says in one line what is missing and ends well.
 */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { binaries } from '../cluster/binaries.ts';
import { alone } from '../cluster/held.ts';
import { step } from './command.ts';
import { buildImages } from './images.ts';
import { onItsOwnMachine } from './machine.ts';
import { installPackages, whatIsMissing } from './requirements.ts';

const missing = whatIsMissing();
if (missing === undefined) process.exitCode = await alone(join(tmpdir(), 'nightshift-node.sock'), sayWaiting, main);
else process.stdout.write(`test node: skipped, ${missing}\n`);

async function main(): Promise<number> {
  // All of them out here: inside there is no network to build with.
  await binaries();
  const tools = await binaries(['kubelet']);
  await installPackages();
  const folder = join(dirname(tools), 'node');
  await mkdir(folder, { recursive: true });
  const archives = await buildImages(folder, join(import.meta.dirname, '../..'));
  const scenario = join(import.meta.dirname, 'scenario.ts');
  return await step('ran the scenario', () => onItsOwnMachine([process.execPath, scenario, ...archives]));
}

function sayWaiting(): void {
  process.stderr.write('test node: another test holds the node, waiting for it\n');
}
