/** The values of the chart as values.yaml documents them: the comment above a key is its description. */
import { isMap, isNode, isScalar, type Node, parseDocument, type YAMLMap } from 'yaml';

export interface DocumentedValue {
  readonly path: readonly string[];
  /** One paragraph, without `#`. */
  readonly comment: string;
  readonly default: unknown;
}

/** Every key that has a comment, in the order of the text. Throws when one has none above it, nor any key around it. */
export function documentedValues(text: string): readonly DocumentedValue[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('values.yaml is not a mapping');
  return [...documentedIn(contents, [])];
}

function* documentedIn(map: YAMLMap, above: readonly string[]): Generator<DocumentedValue> {
  for (const [index, { key, value }] of map.items.entries()) {
    if (!isScalar(key) || !isNode(value)) throw new Error(`${above.join('.')} has a key that is not plain text`);
    const path = [...above, String(key.value)];
    const first = index === 0 && above.length > 0;
    const comment = lastParagraph(first ? map.commentBefore : key.commentBefore);
    if (comment !== '') yield { path, comment, default: value.toJS(emptyDocument) };
    else if (isSection(value)) yield* documentedIn(value, path);
    else throw new Error(`${path.join('.')} has no comment`);
  }
}

const emptyDocument = parseDocument('');

const isSection = (value: Node): value is YAMLMap => isMap(value) && value.items.length > 0;

/** Blank lines end a comment: what stands before them is about something else. */
function lastParagraph(comment: string | null | undefined): string {
  const paragraph = (comment ?? '').split(/\n\s*\n/).at(-1) ?? '';
  return paragraph
    .split('\n')
    .map(line => line.trim())
    .join(' ')
    .trim();
}
