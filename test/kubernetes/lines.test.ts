import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { linesOf } from '../../src/kubernetes/lines.ts';

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  for (const [index, place] of places.entries()) yield bytes.subarray(places[index - 1] ?? 0, place);
}

it('lines are the same however the stream is cut, also in the middle of a character', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).map(text => text.replaceAll('\n', ' '));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, cuts) => {
      const bytes = Buffer.from(lines.map(text => `${text}\n`).join(''));
      assert.deepEqual(await all(linesOf(inPieces(bytes, cuts), 1 << 20)), lines);
    }),
  );
});

it('what follows the last newline is no line', async () => {
  assert.deepEqual(await all(linesOf(inPieces(Buffer.from('a\n\nb\nc'), []), 10)), ['a', 'b']);
});

it('a line that is too long is refused before it has come to its end', async () => {
  const endless = async function* () {
    for (;;) yield Buffer.from('xxxx');
  };
  await assert.rejects(all(linesOf(endless(), 1 << 10)), /a line is longer than 1 KiB/);
});
