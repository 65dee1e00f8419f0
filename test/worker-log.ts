/** What a worker prints: JSON lines with a constant message, and with `--output json` its report at the end. */

export interface Line {
  readonly message: string;
  readonly workload?: string;
  readonly [field: string]: unknown;
}

/** The parts of the report that tests look at. */
export interface RunReport {
  readonly exitCode: number;
  readonly summary: string;
  readonly remaining: number;
  readonly counts: { readonly left: Readonly<Record<string, number>> };
  readonly ending: { readonly kind: string; readonly detail: string };
  readonly outcomes: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly kind: string;
    readonly outcome: string;
    readonly why?: string;
    readonly detail: string;
    readonly available?: { readonly least: number; readonly promised: number };
  }[];
  readonly left: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly why: string;
    readonly detail: string;
  }[];
}

// Both trust what they parse, here and nowhere else: what is absent shows in an assertion.

/** The complete lines of a log; what is no JSON (a note of a tool) is passed over. */
export function linesOf(text: string): Line[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => {
      const value: Line = JSON.parse(line);
      return value;
    });
}

/** The report of `run --output json`: the last line. */
export function reportOf(text: string): RunReport {
  const value: RunReport = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '');
  return value;
}
