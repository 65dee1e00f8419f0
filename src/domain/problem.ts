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

/** JSON of a value, cut to 60 characters. Control characters never reach the terminal. */
export function jsonText(value: unknown): string {
  if (value === undefined) return 'nothing';
  // A text is cut first: a slice of its JSON would keep the whole of it in memory, once for each problem.
  const start = typeof value === 'string' ? value.slice(0, 70) : value;
  const text = typeof start === 'number' ? String(start) : JSON.stringify(start);
  const visible = text.replaceAll(/[\u007f-\u009f\u2028\u2029]/g, ' ');
  return visible.length > 60 ? `${visible.slice(0, 59)}…` : visible;
}

/** From the top of the text to its end; what is said twice about one place is said once. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const each = new Map(problems.map(problem => [formatProblem(problem), problem]));
  return [...each.values()].toSorted((a, b) => a.line - b.line || a.column - b.column);
}
