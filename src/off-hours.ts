import { keyOf } from './domain/model.ts';
import type { Ending } from './domain/report.ts';
import { spares } from './domain/starts.ts';
import { endingOf, endingOfError, TERMINATED } from './gates.ts';
import { readCheckpoint, takeHold } from './hold.ts';
import { returnSpares } from './spare.ts';
import type { ConnectedWorld, Wishes, World } from './world.ts';

/**
 * What is done outside the window: a run that was killed just before it closed must not leave a Pod more than is wanted for a
 * day. One request, unless there is one. Returns the sentences that tell of it, or how it ended otherwise. Never throws.
 */
export async function tidyUp(world: World, wishes: Wishes): Promise<Ending | readonly string[]> {
  try {
    return await tidy({ ...world, ...world.connect() }, wishes);
  } catch (error) {
    return endingOfError(error, world.announcer, world.interrupted);
  }
}

async function tidy(world: ConnectedWorld, wishes: Wishes): Promise<Ending | readonly string[]> {
  const read = await readCheckpoint(world.store);
  if (read.kind === 'unusable') return { kind: 'checkpointUnusable', detail: read.detail };
  const refs = spares(read.checkpoint);
  if (refs.length === 0) return [];
  const taken = await takeHold(read, wishes.holder, world);
  if (taken.kind === 'heldByAnother') return taken;
  if (taken.kind === 'interrupted') return TERMINATED;
  if (taken.kind === 'lost') return endingOf(taken.loss);
  const { hold } = taken;
  const { returned, kept } = await returnSpares(refs, { ...world, hold, by: world.store.identity });
  await hold.release(checkpoint => checkpoint);
  if (hold.loss !== undefined) return endingOf(hold.loss);
  if (kept.length > 0) return { kind: 'error', detail: kept.join('; ') };
  return returned.length > 0 ? returned : [`nothing was left of ${refs.map(keyOf).join(', ')}`];
}
