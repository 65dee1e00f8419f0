/**
 * The candidate that a word was probably meant to be: the nearest within two typing errors (and within a third of the
 * word), letter case aside; undefined when none is near.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const most = Math.min(2, Math.floor(word.length / 3));
  const ranked = candidates
    .map(candidate => ({ candidate, errors: typingErrors(word.toLowerCase(), candidate.toLowerCase(), most) }))
    .filter(({ errors }) => errors <= most)
    .toSorted((a, b) => a.errors - b.errors);
  return ranked[0]?.candidate;
}

/** Levenshtein distance; more than `most` means only that it is more than that, and costs nothing for a long text. */
function typingErrors(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [row, letter] of a.split('').entries()) {
    const current = [row + 1];
    for (const [column, other] of b.split('').entries()) {
      const swapped = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(swapped, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
