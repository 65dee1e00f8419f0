/** One thing that is wrong with a policy text, with all that a person needs to find and mend it. */
export interface Problem {
  /** 1-based. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** `windows.allow[0].opens`; empty for the document as a whole. */
  readonly path: string;
  /** Short JSON text of what stands there, `nothing` where nothing does. */
  readonly value: string;
  /** A phrase that completes "expected ...". */
  readonly expected: string;
}

/** Keys and list positions from the document down. */
export type Path = readonly (string | number)[];

/** One line for a terminal: `12:5 windows.allow[0].lasts: expected a duration ..., found "5x"`. */
export function formatProblem({ line, column, path, value, expected }: Problem): string {
  return `${line}:${column}${path === '' ? '' : ` ${path}`}: expected ${expected}, found ${value}`;
}

/** The path as a person writes it; keys that are no plain words stand in brackets and quotes. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$-]{1,60}$/.test(step)) return `[${jsonText(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}

/** JSON of a value, cut to 60 characters. */
export function jsonText(value: unknown): string {
  if (value === undefined) return 'nothing';
  // A text is cut first: a slice of its JSON would keep the whole of it in memory, once for each problem.
  const start = typeof value === 'string' ? value.slice(0, 70) : value;
  const text = typeof start === 'number' ? String(start) : JSON.stringify(start);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/**
 * From the top of the text to its end; what is said twice about one place is said once. Pieces of the text are quoted
 * all over: what a terminal would obey or break the line at is taken out of them.
 */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const visible = problems.map(problem => ({
    ...problem,
    path: printable(problem.path),
    value: printable(problem.value),
    expected: printable(problem.expected),
  }));
  const each = new Map(visible.map(problem => [formatProblem(problem), problem]));
  return [...each.values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** The text without what a terminal obeys or breaks the line at: names and messages come from the cluster, or from anybody. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** At most so many characters: the API server takes images and names of variables of a megabyte. */
export function shortened(text: string, most = 200): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

const SHOWN = 5;

/** The first of them, and how many more there are. */
export function several(texts: readonly string[]): string {
  const more = texts.length > SHOWN ? ` and ${texts.length - SHOWN} more` : '';
  return `${texts.slice(0, SHOWN).join(', ')}${more}`;
}
