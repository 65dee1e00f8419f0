import * as fc from 'fast-check';

/** The object with some of its values, at any depth, replaced by whatever JSON can hold. */
export function absurd(object: unknown): fc.Arbitrary<unknown> {
  const whole = JSON.stringify(object);
  return fc.array(fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 2 })), { maxLength: 4 }).map(changes => {
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
