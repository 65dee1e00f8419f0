import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Node,
  type ParsedNode,
  type YAMLMap,
} from 'yaml';
import { inOrder, jsonText, type Path, pathText, type Problem } from './problem.ts';

/** Bytes: thousands of entries. A longer text is no policy, and a broken one costs the parser hundreds of times its length. */
const LONGEST_TEXT = 256 * 1024;
const DEEPEST = 16;

export interface PolicyText {
  readonly kind: 'read';
  /** Plain JSON-like value; objects have no prototype, so that a key such as `constructor` is nothing special. */
  readonly value: unknown;
  /** What YAML allows and we do not. */
  readonly problems: readonly Problem[];
  /** A problem with what stands at a path, or with its not being there; undefined below what was refused already. */
  problemAt(path: Path, expected: string): Problem | undefined;
  /** A problem with a key itself. */
  problemWithKey(path: Path, expected: string): Problem | undefined;
}

/** Not YAML, so nothing else can be said about it. */
export interface UnreadableText {
  readonly kind: 'unreadable';
  readonly problems: readonly Problem[];
}

/**
 * Reads one YAML 1.2 document and remembers where everything stands. Refused, because a reader of the policy could take
 * it for something else than we do: YAML 1.1 (`yes` would be true), several documents, aliases, merge keys, tags, a key
 * that stands twice. Never throws.
 */
export function readPolicyText(text: string): PolicyText | UnreadableText {
  if (Buffer.byteLength(text) > LONGEST_TEXT) {
    return unreadable([{ ...START, value: `${Buffer.byteLength(text)} bytes`, expected: 'a text of at most 256 KiB' }]);
  }
  const lines = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const document = composed(text, lines);
  if (document === undefined || document.errors.some(isStackOverflow)) return unreadable([TOO_DEEP]);

  const complaint = (offset: number, expected: string): Problem => {
    const place = placeAt(offset);
    const start = lines.lineStarts[place.line - 1] ?? 0;
    const [line = ''] = text
      .slice(start, start + 100)
      .trimStart()
      .split(/\r?\n/, 1);
    return { ...place, path: '', value: jsonText(line.trimEnd()), expected };
  };
  if (document.errors.length > 0) {
    return unreadable(firstOfEachLine(document.errors.map(error => complaint(error.pos[0], syntaxExpectation(error)))));
  }
  // An unknown tag is a warning too; the walk reports tags of every kind.
  const warnings = document.warnings.filter(warning => warning.code !== 'TAG_RESOLVE_FAILED');
  const problems = warnings.map(warning => complaint(warning.pos[0], syntaxExpectation(warning)));
  const directive = /^%/m.exec(text);
  if (directive && (document.directives.yaml.explicit || Object.keys(document.directives.tags).length > 1)) {
    problems.push(complaint(directive.index, 'YAML 1.2 without directives'));
  }

  const walk = new Walk(placeAt);
  const value = walk.valueOf(document.contents, []);
  return {
    kind: 'read',
    value,
    problems: [...problems, ...walk.problems],
    problemAt: (path, expected) => walk.problem(path, 'value', { expected, value: jsonText(valueAt(value, path)) }),
    problemWithKey: (path, expected) => walk.problem(path, 'key', { expected, value: jsonText(path.at(-1)) }),
  };
}

const START = { line: 1, column: 1, path: '' };
const TOO_DEEP: Problem = { ...START, value: 'more', expected: `at most ${DEEPEST} levels of lists and mappings` };

const unreadable = (problems: readonly Problem[]): UnreadableText => ({
  kind: 'unreadable',
  problems: inOrder(problems),
});

function composed(text: string, lineCounter: LineCounter) {
  try {
    // Unique keys are ours to check: the parser compares each key with all before it, minutes for a hostile text.
    return parseDocument(text, { lineCounter, uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  } catch (error) {
    if (isStackOverflow(error)) return undefined;
    throw error;
  }
}

/** The parser recurses: a thousand brackets exhaust the stack. Sometimes it catches that itself, for a syntax error. */
const isStackOverflow = (error: unknown): boolean =>
  error instanceof Error && /call stack|stack overflow/i.test(error.message);

/** What follows in the same line is most often the parser's confusion, not the writer's. */
const firstOfEachLine = (problems: readonly Problem[]): readonly Problem[] => [
  ...new Map(problems.toReversed().map(problem => [problem.line, problem])).values(),
];

function syntaxExpectation({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'MULTIPLE_DOCS') return 'one document only';
  return `valid YAML (${message.slice(0, 200)})`;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}

interface Spot {
  readonly key: number | undefined;
  readonly value: number | undefined;
}

/** One walk over the syntax tree: the plain value, where each part of it stands, and what is refused on the way. */
class Walk {
  readonly problems: Problem[] = [];
  readonly #spots = new Map<string, Spot>();
  readonly #refused = new Set<string>();
  readonly #placeAt: (offset: number) => { line: number; column: number };

  constructor(placeAt: (offset: number) => { line: number; column: number }) {
    this.#placeAt = placeAt;
  }

  valueOf(node: ParsedNode | Node | null, path: Path, key?: number): unknown {
    const empty = node === null || (isScalar(node) && node.source === '' && node.type === 'PLAIN');
    this.#spots.set(spotKey(path), { key, value: empty && key !== undefined ? undefined : node?.range?.[0] });
    if (node === null) return null;
    if (isAlias(node)) return this.#refuse(path, `*${node.source}`, 'the value itself, for aliases are not supported');
    if (node.tag !== undefined) return this.#refuse(path, tagText(node.tag), 'a value without a tag');
    if (path.length > DEEPEST) return this.#refuse(path, '...', TOO_DEEP.expected);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item, index) => this.valueOf(asNode(item), [...path, index]));
    if (isMap(node)) return this.#mapping(node, path);
    return this.#refuse(path, '...', 'text, a number, true, false, a list or a mapping');
  }

  #mapping(map: YAMLMap, path: Path): unknown {
    const read: Record<string, unknown> = Object.create(null);
    for (const pair of map.items) {
      const keyNode = asNode(pair.key);
      const offset = keyNode?.range?.[0] ?? map.range?.[0];
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string' || keyNode.tag !== undefined) {
        const value = isScalar(keyNode) ? jsonText(keyNode.value) : 'a list or a mapping';
        this.#complain(path, offset, { value, expected: 'a key that is plain text' });
        continue;
      }
      const child = [...path, keyNode.value];
      if (keyNode.value === '<<') {
        this.#complain(child, offset, {
          value: '"<<"',
          expected: 'keys written out, for merge keys are not supported',
        });
      } else if (Object.hasOwn(read, keyNode.value)) {
        this.#complain(child, offset, { value: jsonText(keyNode.value), expected: 'each key once' });
      } else {
        // Undefined when refused, and there all the same: nobody is to say that it is missing.
        read[keyNode.value] = this.valueOf(asNode(pair.value), child, offset);
      }
    }
    return read;
  }

  problem(path: Path, part: 'key' | 'value', what: Pick<Problem, 'value' | 'expected'>): Problem | undefined {
    for (let length = 0; length <= path.length; length += 1) {
      if (this.#refused.has(spotKey(path.slice(0, length)))) return undefined;
    }
    const spot = this.#spots.get(spotKey(path));
    const offset = part === 'key' ? spot?.key : (spot?.value ?? spot?.key);
    return { ...this.#placeAt(offset ?? this.#above(path)), path: pathText(path), ...what };
  }

  /** What is missing is looked for at the key that should contain it, or at the item of the list. */
  #above(path: Path): number {
    for (let length = path.length - 1; length >= 0; length -= 1) {
      const spot = this.#spots.get(spotKey(path.slice(0, length)));
      if (spot !== undefined) return spot.key ?? spot.value ?? 0;
    }
    return 0;
  }

  #refuse(path: Path, value: string, expected: string): undefined {
    const spot = this.#spots.get(spotKey(path));
    this.#complain(path, spot?.value ?? spot?.key, { value: jsonText(value), expected });
    this.#refused.add(spotKey(path));
  }

  #complain(path: Path, offset: number | undefined, what: Pick<Problem, 'value' | 'expected'>): void {
    this.problems.push({ ...this.#placeAt(offset ?? 0), path: pathText(path), ...what });
  }
}

const tagText = (tag: string): string => tag.replace('tag:yaml.org,2002:', '!!');

const spotKey = (path: Path): string => JSON.stringify(path);

/** The tree is typed as unknown below the top, because a program may build one of anything; the parser builds nodes. */
const asNode = (value: unknown): Node | null =>
  isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null;
