import { printable } from '../domain/problem.ts';

/** Rows as aligned columns under a heading, without trailing blanks; like kubectl, three blanks between columns. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map(row => printable(row[column] ?? '').length)));
  return all
    .map(row =>
      row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}

/** `1 batch`, `2 batches`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `2 optedOut, 1 paused`: codes with their counts, most frequent first. */
export function countedCodes(codes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts]
    .toSorted(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([code, count]) => `${count} ${code}`)
    .join(', ');
}
