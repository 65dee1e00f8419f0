/**
 * Whether the whole text matches: `*` stands for any text, none included, and everything else for itself. Each piece
 * between two stars is taken at its first place and never moved again, which is enough with stars alone, so a hostile
 * pattern cannot make it backtrack.
 */
export function globMatches(glob: string, text: string): boolean {
  const [head = '', ...middle] = glob.split('*');
  const tail = middle.pop();
  if (tail === undefined) return glob === text;
  if (!text.startsWith(head) || !text.endsWith(tail)) return false;
  const end = text.length - tail.length;
  let from = head.length;
  for (const piece of middle) {
    const at = text.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return from <= end;
}

/** One text for globs that mean the same: repeated stars become one. */
export const simplestGlob = (glob: string): string => glob.replaceAll(/\*+/g, '*');
