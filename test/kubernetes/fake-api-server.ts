import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { ServerOptions } from 'node:https';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '../../src/kubernetes/connection.ts';
import type { TransportOptions } from '../../src/kubernetes/transport.ts';
import { Transport } from '../../src/kubernetes/transport.ts';
import { PatientClock } from './patient-clock.ts';

export const TOKEN = 'secret-token-of-the-test';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
  readonly httpVersion: string;
}

export type Handler = (request: Seen, response: ServerResponse) => void;

/** An HTTP server on a free port that answers as the test says and remembers what it was asked. */
export interface FakeApiServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Connections that were ever opened. */
  readonly sockets: number;
  /** For files of the test; removed with the server. */
  readonly folder: string;
}

export async function fakeApiServer(handle: Handler, tls?: ServerOptions): Promise<FakeApiServer> {
  const seen: Seen[] = [];
  let sockets = 0;
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const entry = seenOf(request, Buffer.concat(chunks).toString());
      seen.push(entry);
      handle(entry, response);
    });
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', () => sockets++);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-test-'));
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen,
    get sockets() {
      return sockets;
    },
    folder,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function seenOf(request: IncomingMessage, text: string): Seen {
  const url = new URL(request.url ?? '/', 'http://server');
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
    httpVersion: request.httpVersion,
  };
}

export function reply(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** A Status object as the API server sends one with a failure. */
export function failure(code: number, message: string, details?: unknown): unknown {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    message,
    ...(details === undefined ? {} : { details }),
  };
}

export const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** An API server that means a 403: asked, it says that we lack the right. */
export const meaningIt =
  (handle: Handler): Handler =>
  (request, response) =>
    request.path === REVIEWS ? reply(response, 201, { status: { allowed: false } }) : handle(request, response);

/** Writes a kubeconfig (JSON is YAML) and returns its path. */
export function kubeconfigFile(folder: string, server: string, user: unknown = { token: TOKEN }, cluster = {}): string {
  const file = join(folder, 'config');
  const config = {
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'night' } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

export interface TestTransport extends AsyncDisposable {
  readonly transport: Transport;
  readonly clock: PatientClock;
  readonly troubles: readonly string[];
}

/** A transport to this server on a clock that waits for nothing. Jitter is none: every pause is the shortest. */
export function transportTo(
  server: FakeApiServer,
  {
    kubeconfig = kubeconfigFile(server.folder, server.url),
    ...options
  }: Partial<TransportOptions> & { kubeconfig?: string } = {},
): TestTransport {
  const clock = new PatientClock();
  const troubles: string[] = [];
  const connection = new Connection({ kubeconfig, env: {} }, clock);
  const transport = new Transport({
    connection,
    clock,
    random: () => 0,
    onTrouble: trouble => troubles.push(trouble),
    ...options,
  });
  return { transport, clock, troubles, [Symbol.asyncDispose]: () => transport.close() };
}
