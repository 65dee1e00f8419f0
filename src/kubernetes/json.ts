/**
 * Reading JSON that nobody vouches for. Every function takes what stands there for what it is, or for nothing: a
 * missing or absurd field of an API object is never an exception.
 */

/** The value at the end of the path, undefined where the path leaves the object. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const key of path) {
    if (!isRecord(here) || !Object.hasOwn(here, key)) return undefined;
    here = here[key];
  }
  return here;
}

export function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

/** A finite number, undefined for anything else. */
export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

/** The number that stands there, 0 for anything else: API servers leave it out. */
export function countAt(value: unknown, ...path: readonly string[]): number {
  return numberAt(value, ...path) ?? 0;
}

/** The elements of a list, none for anything else. */
export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The members whose values are text; empty for anything but an object. */
export function textsAt(value: unknown, ...path: readonly string[]): Record<string, string> {
  const found = at(value, ...path);
  if (!isRecord(found)) return {};
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON with sorted keys and without nulls: the same text for everything that the API server means to be the same. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value)
    .filter(key => value[key] !== undefined && value[key] !== null)
    .toSorted()
    .map(key => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(',')}}`;
}
