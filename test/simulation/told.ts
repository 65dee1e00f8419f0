import { simulate, type Result } from './simulate.ts';
import type { Cut } from './story.ts';

/** How many of the last lines tell enough where nobody asked for all. */
const LAST = 60;

/** A failing seed for people: what does not hold, the end of what happened, and the command that plays it again. */
export async function toldFailure(seed: number): Promise<string> {
  const { broken, trace } = await simulate(seed, { isTraced: true });
  return [
    `seed ${seed}: ${broken?.invariant}: ${broken?.detail}`,
    ...trace.slice(-LAST),
    `all of it: npm run simulate -- --seed ${seed}; what it needs: npm run simulate -- --seed ${seed} --shrink`,
  ].join('\n');
}

/** The smallest story that still breaks the same invariant: fewer workloads, fewer plots, a network without trouble. */
export async function shrink(seed: number): Promise<{ readonly cut: Cut; readonly result: Result }> {
  let cut: Cut = {};
  let result = await simulate(seed);
  const { invariant } = result.broken ?? {};
  const attempt = async (smaller: Cut): Promise<void> => {
    const other = await simulate(seed, { cut: smaller });
    if (other.broken === undefined || other.broken.invariant !== invariant) return;
    cut = smaller;
    result = other;
  };
  if (invariant !== undefined) {
    await attempt({ ...cut, isCalm: true });
    for (let size = 1; size < result.story.fleet.length; size++) await attempt({ ...cut, size });
    for (const index of result.story.plots.keys()) {
      await attempt({ ...cut, withoutPlots: new Set([...(cut.withoutPlots ?? []), index]) });
    }
  }
  return { cut, result: await simulate(seed, { isTraced: true, cut }) };
}
