import { unreachable } from './model.ts';

/** A label selector as plain data: all requirements must hold; none selects everything. */
export type Selector = readonly Requirement[];

/** `notIn` also holds where the label is missing, as in Kubernetes. */
export type Requirement =
  | { readonly kind: 'in'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'notIn'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'exists'; readonly key: string }
  | { readonly kind: 'missing'; readonly key: string };

/** Why a text is no selector for us, as a sentence without a capital and a full stop. */
export interface SelectorProblem {
  readonly problem: string;
}

export type Labels = Readonly<Record<string, string>>;

/** Whether labels meet every requirement. Source: `Requirement.Matches` in apimachinery's pkg/labels. */
export const selectorMatches = (selector: Selector, labels: Labels): boolean =>
  selector.every(requirement => meets(requirement, labels));

function meets(requirement: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.kind) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notIn':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'missing':
      return value === undefined;
    default:
      return unreachable(requirement);
  }
}

/**
 * A label selector as `kubectl -l` takes it: `a=b`, `a==b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a`, `!a`, joined by
 * commas. Sorted, so that two spellings of one selector are equal.
 *
 * Narrower than kubectl in four ways, because each is more likely a slip than meant: no selector at all (it would select
 * everything), empty items in a list, a negated key with a value (`!a=b`, which kubectl takes for `a=b`), and
 * requirements that exclude each other. `<` and `>` exist for Node affinity only.
 */
export function parseSelector(text: string): Selector | SelectorProblem {
  const tokens = tokensOf(text);
  if (tokens.length === 0) return { problem: 'it is empty and would select everything' };
  const requirements: Requirement[] = [];
  const reader = new Reader(tokens);
  try {
    do requirements.push(requirementFrom(reader));
    while (reader.takeIf(','));
    if (!reader.done()) throw reader.unexpected('"," or the end');
  } catch (error) {
    if (error instanceof SelectorError) return { problem: error.message };
    throw error;
  }
  const contradiction = requirements.find(({ key }) => nothingMeets(requirements.filter(other => other.key === key)));
  if (contradiction !== undefined) return { problem: `no label ${contradiction.key} can meet all of it` };
  return requirements.toSorted((a, b) => order(JSON.stringify(a), JSON.stringify(b)));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A missing label never meets `in` or `exists`; beyond that only `in` limits the values to a set that can run empty. */
function nothingMeets(requirements: readonly Requirement[]): boolean {
  const kinds = new Set(requirements.map(requirement => requirement.kind));
  if (kinds.has('missing')) return kinds.has('in') || kinds.has('exists');
  const values = requirements.flatMap(requirement => (requirement.kind === 'in' ? requirement.values : []));
  const key = requirements[0]?.key ?? '';
  return kinds.has('in') && !values.some(value => selectorMatches(requirements, { [key]: value }));
}

const tokensOf = (text: string): readonly string[] => text.match(/[=!]=|[=!(),<>]|[^\s=!(),<>]+/g) ?? [];

class SelectorError extends Error {}

class Reader {
  readonly #tokens: readonly string[];
  #position = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  done(): boolean {
    return this.#position === this.#tokens.length;
  }

  takeIf(...wanted: readonly string[]): string | undefined {
    const token = this.#tokens[this.#position];
    if (token === undefined || !wanted.includes(token)) return undefined;
    this.#position += 1;
    return token;
  }

  take(wanted: string): void {
    if (this.takeIf(wanted) === undefined) throw this.unexpected(`"${wanted}"`);
  }

  /** The next token unless it is punctuation. */
  takeWord(): string | undefined {
    const token = this.#tokens[this.#position];
    return token === undefined || /^[=!(),<>]/.test(token) ? undefined : this.takeIf(token);
  }

  unexpected(wanted: string): SelectorError {
    const token = this.#tokens[this.#position];
    return new SelectorError(`${token === undefined ? 'it ends' : `"${token}" stands`} where ${wanted} should be`);
  }
}

function requirementFrom(reader: Reader): Requirement {
  const negated = reader.takeIf('!') !== undefined;
  const key = keyFrom(reader);
  if (negated) return { kind: 'missing', key };
  switch (reader.takeIf('=', '==', '!=', 'in', 'notin', '<', '>')) {
    case undefined:
      return { kind: 'exists', key };
    case '=':
    case '==':
      return { kind: 'in', key, values: [checkedValue(reader.takeWord() ?? '')] };
    case '!=':
      return { kind: 'notIn', key, values: [checkedValue(reader.takeWord() ?? '')] };
    case 'in':
      return { kind: 'in', key, values: valuesFrom(reader) };
    case 'notin':
      return { kind: 'notIn', key, values: valuesFrom(reader) };
    default:
      throw new SelectorError('"<" and ">" are not supported');
  }
}

function keyFrom(reader: Reader): string {
  const key = reader.takeWord();
  if (key === undefined) throw reader.unexpected('a label key');
  const [name = '', prefix, ...more] = key.split('/').toReversed();
  const prefixed = prefix === undefined || (SUBDOMAIN.test(prefix) && prefix.length <= 253);
  if (!NAME.test(name) || name.length > 63 || !prefixed || more.length > 0) {
    throw new SelectorError(`"${short(key)}" is not a label key`);
  }
  return key;
}

function valuesFrom(reader: Reader): readonly string[] {
  const values = new Set<string>();
  reader.take('(');
  do {
    const value = reader.takeWord();
    if (value === undefined) throw reader.unexpected('a value');
    values.add(checkedValue(value));
  } while (reader.takeIf(','));
  reader.take(')');
  return [...values].toSorted();
}

function checkedValue(value: string): string {
  if (value !== '' && (!NAME.test(value) || value.length > 63)) {
    throw new SelectorError(`"${short(value)}" is not a label value`);
  }
  return value;
}

// apimachinery's pkg/util/validation: qualified names, label values and DNS-1123 subdomains.
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
