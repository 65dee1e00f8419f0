import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import type { User } from '@kubernetes/client-node';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import type { Clock } from '../ports.ts';
import type { Destination, Whereabouts } from './kubeconfig.ts';
import { findDestination } from './kubeconfig.ts';
import { proxyFor } from './proxy.ts';

/** Credentials are put together anew after so many milliseconds, as client-go does with token files. */
const FRESH_FOR = 60_000;
/** Sockets for everything but watches. */
const CONNECTIONS = 16;

/** What one request is sent with. */
export interface Session {
  /** The authorization. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: Dispatcher;
  /** Sockets of their own, so that watches never keep a PATCH waiting. */
  readonly watches: Dispatcher;
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls;
}
type Tls = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername' | 'minVersion'>;

/**
 * The way to one API server: where it is, and sockets with credentials that stay fresh. HTTP/1.1 only, because
 * kube-apiserver's --goaway-chance makes HTTP/2 PATCHes fail.
 */
export class Connection {
  readonly server: URL;
  /** The service account's or the context's namespace. */
  readonly namespace: string | undefined;
  readonly #where: Whereabouts;
  readonly #clock: Clock;
  readonly #proxy: string | undefined;
  #kubeConfig: KubeConfig;
  #session: Promise<Session> | undefined;
  #sessionSince = 0;
  #agents: (Pick<Session, 'requests' | 'watches'> & { readonly tls: Tls }) | undefined;
  readonly #opened: Dispatcher[] = [];

  /** Reads the kubeconfig or the service account, but sends nothing. Throws when there is no usable one. */
  constructor(where: Whereabouts, clock: Clock) {
    const destination = findDestination(where);
    this.#where = where;
    this.#clock = clock;
    this.#kubeConfig = kubeConfigOf(destination);
    this.server = new URL(destination.cluster.server);
    this.namespace = destination.namespace;
    this.#proxy = destination.proxy || proxyFor(this.server, where.env);
  }

  /** Throws when the credentials cannot be had (a missing file, a failing exec plugin). */
  session(): Promise<Session> {
    const isOld = this.#clock.elapsed() - this.#sessionSince > FRESH_FOR;
    return this.#session === undefined || isOld ? this.#start() : this.#session;
  }

  /**
   * After a 401: a session whose credentials were read again from their source. Many requests may find out about the
   * same stale one, which is renewed once.
   */
  async renew(stale: Session): Promise<Session> {
    const current = await this.#session?.catch(() => undefined);
    if (current !== undefined && current !== stale) return current;
    // A new KubeConfig, because the old one remembers what files and exec plugins said.
    this.#kubeConfig = kubeConfigOf(findDestination(this.#where));
    return this.#start();
  }

  /** Breaks off whatever is still under way. */
  async close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map(agent => agent.destroy()));
  }

  #start(): Promise<Session> {
    this.#sessionSince = this.#clock.elapsed();
    const session = this.#open();
    this.#session = session;
    session.catch(() => {
      // The next request asks again.
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }

  async #open(): Promise<Session> {
    const { headers, tls } = await credentialsOf(this.#kubeConfig);
    if (this.#agents === undefined || !isDeepStrictEqual(this.#agents.tls, tls)) {
      // A new client certificate needs new sockets. What is under way on the old ones ends there.
      this.#agents = { tls, requests: this.#agent(tls, CONNECTIONS), watches: this.#agent(tls, undefined) };
    }
    return { headers, requests: this.#agents.requests, watches: this.#agents.watches };
  }

  #agent(tls: Tls, connections: number | undefined): Dispatcher {
    const connect = { ...definedOf(tls), keepAlive: true, keepAliveInitialDelay: 30_000 };
    const options = {
      allowH2: false,
      ...(connections === undefined ? {} : { connections }),
      // Below the idle timeouts of API servers (90 s) and of common load balancers (60 s).
      keepAliveTimeout: 30_000,
      // The deadlines of the transport are the ones that count; these only keep undici's own out of their way.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    const agent =
      this.#proxy === undefined
        ? new Agent({ ...options, connect })
        : new ProxyAgent({ ...options, uri: this.#proxy, requestTls: { ...connect, allowH2: false } });
    this.#opened.push(agent);
    return agent;
  }
}

function kubeConfigOf({ cluster, user, namespace }: Destination): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    // client-node refuses plain http unless certificates are not to be verified; there are none.
    clusters: [{ ...cluster, skipTLSVerify: cluster.skipTLSVerify || cluster.server.startsWith('http:') }],
    users: [user],
    contexts: [{ name: 'nightshift', cluster: cluster.name, user: user.name, namespace }],
    currentContext: 'nightshift',
  });
  return kubeConfig;
}

async function credentialsOf(kubeConfig: KubeConfig): Promise<Credentials> {
  const options: RequestOptions & { headers: Record<string, string> } = { headers: {} };
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (error) {
    throw noCredentials(error, kubeConfig.getCurrentUser());
  }
  const { ca, cert, key, servername, auth } = options;
  // Said outright, because NODE_TLS_REJECT_UNAUTHORIZED and NODE_OPTIONS change what Node does without a word. Only the
  // kubeconfig may turn it off, as for kubectl.
  const rejectUnauthorized = options.rejectUnauthorized !== false;
  const headers: Record<string, string> = {};
  if (auth) headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  for (const [name, value] of Object.entries(options.headers)) headers[name.toLowerCase()] = value.trim();
  if (Object.values(headers).some(value => /[^\x20-\x7e]/.test(value))) {
    throw new Error('no credentials: the token contains characters that no token has');
  }
  return { headers, tls: { ca, cert, key, rejectUnauthorized, servername, minVersion: 'TLSv1.2' } };
}

/** Says why there are none, without a word of what an exec plugin printed to its stdout: that may be a token. */
function noCredentials(error: unknown, user: User | null): Error {
  const words = error instanceof Error ? error.message.trim().slice(0, 500) : 'unknown reason';
  if (!user?.exec) return new Error(`no credentials: ${words}`, { cause: error });
  const printedNonsense = error instanceof SyntaxError || error instanceof TypeError;
  const problem = printedNonsense ? 'printed no ExecCredential' : `failed: ${words}`;
  return new Error(`no credentials: the exec plugin of user "${user.name}" ${problem}`);
}

function definedOf(tls: Tls): { [K in keyof Tls]: NonNullable<Tls[K]> } {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined && value !== null));
}
