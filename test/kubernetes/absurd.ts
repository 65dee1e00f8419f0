import * as fc from 'fast-check';

const DATES = ['0000-00-00T00:00:00Z', '9999-12-31T23:59:59Z', '+275760-09-13T00:00:00Z', '-271821-04-20T00:00:00Z'];

/** What nobody would send: null where something belongs, numbers out of all proportion, times at the ends of time. */
const ABSURDITIES: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    null,
    {},
    [],
    '',
    -1,
    0,
    0.5,
    1e308,
    -1e308,
    2 ** 53,
    2 ** 53 + 2,
    'NaN',
    'x'.repeat(100_000),
  ),
  fc.constantFrom<unknown>(...DATES, 'tomorrow', '__proto__', 'constructor', { constructor: null }, '\u0000\ud800'),
);

/** The object with some of its values, at any depth, replaced by whatever JSON can hold. */
export function absurd(object: unknown): fc.Arbitrary<unknown> {
  const whole = JSON.stringify(object);
  return fc.array(fc.tuple(fc.nat(), ABSURDITIES), { maxLength: 4 }).map(changes => {
    let changed: unknown = JSON.parse(whole);
    for (const [place, value] of changes) changed = replaced(changed, place, value);
    return changed;
  });
}

/** Counts through the tree until the place is reached. */
function replaced(tree: unknown, place: number, value: unknown): unknown {
  if (typeof tree !== 'object' || tree === null) return value;
  const keys = Object.keys(tree);
  const turn = place % (keys.length + 1);
  const key = keys[turn];
  if (key === undefined) return value;
  const members: Record<string, unknown> = { ...tree };
  const below = replaced(members[key], Math.floor(place / (keys.length + 1)), value);
  return Array.isArray(tree) ? tree.with(Number(key), below) : { ...members, [key]: below };
}
