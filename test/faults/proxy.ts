/**
 * Between a worker and its API server: forwards what it is asked and breaks what it is told to. Every fault is a rule;
 * the first that matches a request is used, so many times, and then forgotten.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { request as forward, type RequestOptions } from 'node:https';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { selfSigned } from '../kubernetes/certificates.ts';

export type Fault =
  /** The request waits before it goes on. */
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** The connection is reset, and the API server never hears of the request. */
  | { readonly kind: 'resetBefore' }
  /** The API server carries the request out, and the connection is reset instead of an answer. */
  | { readonly kind: 'resetAfter' }
  /** Half of the answer's body, then a reset. */
  | { readonly kind: 'half' }
  /** An answer of the proxy's own; the API server never hears of the request. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  /** Something happens when the request arrives, which then goes no further; or when it is carried out, and before anybody hears of it. */
  | { readonly kind: 'act'; readonly when: 'before' | 'after'; readonly act: () => void }
  /** Something happens when the request arrives, which stays on its way until then. */
  | { readonly kind: 'delayed'; readonly act: () => void; readonly until: Promise<void> }
  /** The answer begins and is never heard of again, without a reset: a dead route. */
  | { readonly kind: 'stall'; readonly afterMilliseconds: number };

export interface Rule {
  readonly method?: string;
  /** What the path and query have to match. */
  readonly path?: RegExp;
  /** How many requests; for ever by default. */
  readonly times?: number;
  /** Of those that match only each second, third ...; each by default. */
  readonly every?: number;
  readonly fault: Fault;
}

/** What came by. */
export interface Passage {
  readonly method: string;
  readonly path: string;
  /** When it arrived here, milliseconds since the epoch. */
  readonly at: number;
  /** What the API server said, undefined when it said nothing (yet), or was not asked. */
  status: number | undefined;
}

export interface FaultProxy extends AsyncDisposable {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly caFile: string;
  /** How often each kind of fault was injected. */
  readonly injected: ReadonlyMap<Fault['kind'], number>;
  /** All requests so far, in the order of their arrival. */
  readonly seen: readonly Passage[];
  add(...rules: readonly Rule[]): void;
  clear(): void;
}

export async function startFaultProxy(to: {
  readonly server: string;
  readonly caFile: string;
  readonly folder: string;
}): Promise<FaultProxy> {
  // A certificate of its own: several proxies may stand side by side.
  const { cert, key, certFile } = selfSigned(mkdtempSync(join(to.folder, 'proxy-')), '127.0.0.1');
  const upstream = new URL(to.server);
  const ca = readFileSync(to.caFile);
  const injected = new Map<Fault['kind'], number>();
  const seen: Passage[] = [];
  const sockets = new Set<Duplex>();
  let rules: { readonly rule: Rule; left: number; seen: number }[] = [];

  const faultFor = ({ method, url = '' }: IncomingMessage): Fault | undefined => {
    const found = rules.find(candidate => {
      const { rule, left } = candidate;
      const isMeant = (rule.method ?? method) === method && (rule.path?.test(url) ?? true);
      return left > 0 && isMeant && ++candidate.seen % (rule.every ?? 1) === 0;
    });
    if (found === undefined) return undefined;
    found.left--;
    injected.set(found.rule.fault.kind, (injected.get(found.rule.fault.kind) ?? 0) + 1);
    return found.rule.fault;
  };

  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = '', url: path = '' } = incoming;
    const passage: Passage = { method, path, at: Date.now(), status: undefined };
    seen.push(passage);
    const fault = faultFor(incoming);
    const goOn = (): void => pass(incoming, outgoing, { fault, passage });
    switch (fault?.kind) {
      case 'resetBefore':
        incoming.socket.destroy();
        break;
      case 'status':
        incoming.resume();
        answer(outgoing, fault);
        break;
      case 'act':
        if (fault.when === 'after') return goOn();
        fault.act();
        return void incoming.socket.destroy();
      case 'slow':
        setTimeout(goOn, fault.milliseconds);
        break;
      case 'delayed':
        fault.act();
        void fault.until.then(goOn);
        break;
      default:
        goOn();
    }
  };

  const pass = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { fault, passage }: { readonly fault: Fault | undefined; readonly passage: Passage },
  ): void => {
    const { method, url, headers } = incoming;
    const options: RequestOptions = {
      host: upstream.hostname,
      port: upstream.port,
      ca,
      headers: { ...headers, host: upstream.host },
      ...(method === undefined ? {} : { method }),
      ...(url === undefined ? {} : { path: url }),
    };
    const onward = forward(options, response => {
      passage.status = response.statusCode;
      // An API server that dies in the middle of a stream is heard of.
      response.on('close', () => {
        if (!response.complete) incoming.socket.destroy();
      });
      deliver(response, outgoing, fault);
    });
    // A client that is gone must not keep a watch open, nor an API server that is gone the client.
    outgoing.on('close', () => onward.destroy());
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  };

  const server: Server = createServer({ cert, key }, handle);
  server.on('connection', socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `https://127.0.0.1:${port}`,
    caFile: certFile,
    injected,
    seen,
    add: (...more) => void (rules = [...rules, ...more.map(rule => ({ rule, left: rule.times ?? Infinity, seen: 0 }))]),
    clear: () => void (rules = []),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

function answer(outgoing: ServerResponse, { status, retryAfter }: Fault & { readonly kind: 'status' }): void {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    message: `a fault of the test: ${status}`,
    code: status,
  };
  const wait = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  outgoing.writeHead(status, { 'content-type': 'application/json', ...wait }).end(JSON.stringify(body));
}

function deliver(response: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void {
  const { statusCode = 502, headers } = response;
  switch (fault?.kind) {
    case 'resetAfter':
      response.resume().on('end', () => outgoing.socket?.destroy());
      break;
    case 'act':
      fault.act();
      response.destroy();
      outgoing.socket?.destroy();
      break;
    case 'half': {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        outgoing.writeHead(statusCode, headers);
        outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.socket?.destroy());
      });
      break;
    }
    case 'stall': {
      outgoing.writeHead(statusCode, headers);
      outgoing.flushHeaders();
      let silent = false;
      setTimeout(() => (silent = true), fault.afterMilliseconds);
      response.on('data', (chunk: Buffer) => {
        if (!silent) outgoing.write(chunk);
      });
      break;
    }
    default:
      outgoing.writeHead(statusCode, headers);
      response.pipe(outgoing);
  }
}
