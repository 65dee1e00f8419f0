/**
 * npm run simulate -- [--seeds 1000] [--from 0] [--every 1] [--seconds S]   many seeds, to the first that fails
 * npm run simulate -- --seed N [--shrink]                       one of them, with its trace
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';
import { Tally } from './tally.ts';
import { shrink, toldFailure } from './told.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    every: { type: 'string', default: '1' },
    seconds: { type: 'string', default: 'Infinity' },
    seed: { type: 'string' },
    shrink: { type: 'boolean', default: false },
  },
});

const print = (text: string): boolean => process.stdout.write(`${text}\n`);

async function replay(seed: number): Promise<boolean> {
  const { cut, result } = values.shrink
    ? await shrink(seed)
    : { cut: {}, result: await simulate(seed, { isTraced: true }) };
  const { trace, broken, story } = result;
  print(trace.join('\n'));
  const plots = story.plots.filter((_, index) => cut.withoutPlots?.has(index) !== true).map(({ kind }) => kind);
  print(`${story.fleet.length} workloads, trouble ${story.trouble}, plots: ${plots.join(', ') || 'none'}`);
  print(broken === undefined ? 'all invariants hold' : `${broken.invariant}: ${broken.detail}`);
  return broken === undefined;
}

async function many(
  from: number,
  { seeds, every, seconds }: { readonly seeds: number; readonly every: number; readonly seconds: number },
): Promise<boolean> {
  const tally = new Tally();
  for (let seed = from; tally.seeds < seeds && tally.seconds < seconds; seed += every) {
    const result = await simulate(seed);
    tally.add(result);
    if (result.broken !== undefined) {
      print(await toldFailure(seed));
      print(String(tally));
      return false;
    }
    if (tally.seeds % 10_000 === 0) print(String(tally));
  }
  print(String(tally));
  return true;
}

const isWell =
  values.seed === undefined
    ? await many(Number(values.from), {
        seeds: Number(values.seeds),
        every: Number(values.every),
        seconds: Number(values.seconds),
      })
    : await replay(Number(values.seed));
process.exitCode = isWell ? 0 : 1;
