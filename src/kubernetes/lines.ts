/**
 * Lines of a stream of bytes. A line may come in many chunks and a chunk may cut a character in two, so bytes are
 * joined before they become text. What follows the last newline is no line: a stream that broke off. Throws when a
 * line gets longer than `limit` bytes.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>, limit: number): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...begun, chunk.subarray(from, end)]).toString('utf8');
      begun = [];
      size = 0;
      from = end + 1;
      if (line !== '') yield line;
    }
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > limit) throw new Error(`a line is longer than ${Math.round(limit / 1024)} KiB`);
  }
}
