/** What a response says that no repeat would change: it is too large, or not from a Kubernetes API server. */
export class UselessBody extends Error {}

/** A list may be asked for in smaller pages. */
export class TooLarge extends UselessBody {}

/** The body to its end, at most so many bytes. Throws `TooLarge` when there are more, and what the stream throws. */
export async function readText(body: AsyncIterable<Buffer>, bytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytes) throw new TooLarge(`the answer is larger than ${Math.round(bytes / 1024)} KiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The value, undefined when the text is no JSON: a gateway's page of HTML, say. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
