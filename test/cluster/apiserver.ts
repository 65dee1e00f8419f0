/** Requests to the API server of a test cluster: JSON in, JSON out, over one pool of connections. */
import { readFileSync } from 'node:fs';
import { Agent, type Dispatcher } from 'undici';

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: unknown;
  /** Default `application/json`, and `application/merge-patch+json` for PATCH. */
  readonly contentType?: string;
}

/** An answer of the API server that is not 2xx; `message` is the server's. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ApiServer {
  /** The parsed answer, of the shape that the caller expects; throws ApiError when it is not 2xx. */
  request<T = unknown>(path: string, request?: ApiRequest): Promise<T>;
  /** The lines of a watch, parsed, until it ends or the signal aborts (which ends the loop quietly). */
  watch<T = unknown>(path: string, signal: AbortSignal): AsyncGenerator<T, void, undefined>;
  close(): Promise<void>;
}

export function apiServer(server: string, token: string, caFile: string): ApiServer {
  const agent = new Agent({ allowH2: false, connections: 32, connect: { ca: readFileSync(caFile) }, bodyTimeout: 0 });
  const authorization = `Bearer ${token}`;

  async function request<T>(path: string, { method = 'GET', body, contentType }: ApiRequest = {}): Promise<T> {
    const options: Dispatcher.RequestOptions = {
      origin: server,
      path,
      method,
      headers: { authorization, 'content-type': contentType ?? usualType(method) },
      body: body === undefined ? null : Buffer.from(JSON.stringify(body)),
    };
    const response = await agent.request(options);
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new ApiError(response.statusCode, `${method} ${path}: ${messageOf(text)}`);
    return JSON.parse(text.startsWith('{') ? text : JSON.stringify(text));
  }

  async function* watch<T>(path: string, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    try {
      const response = await agent.request({ origin: server, path, method: 'GET', headers: { authorization }, signal });
      if (response.statusCode >= 300) {
        throw new ApiError(response.statusCode, `WATCH ${path}: ${messageOf(await response.body.text())}`);
      }
      let rest = '';
      for await (const chunk of response.body.setEncoding('utf8')) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  return { request, watch, close: () => agent.destroy() };
}

function usualType(method: string): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
}

function messageOf(text: string): string {
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'message' in status) return String(status.message);
  } catch {
    // Not a Status object: the text as it is.
  }
  return text.slice(0, 500);
}
