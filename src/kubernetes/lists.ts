import type { Call, Resource } from './resource.ts';
import { describeCall } from './resource.ts';
import { at, listAt, textAt } from './json.ts';
import { OutOfReach } from '../ports.ts';
import { TooLarge } from './body.ts';
import type { Transport } from './transport.ts';
import { ONE_PAGE } from './transport.ts';

/** Objects a page. Larger pages cost memory (a Pod is some 10 KB of JSON), smaller ones cost round trips. */
const PAGE = 250;
/** By how much a page is made smaller that was too large. */
const SMALLER = 4;
/** A list token lives about five minutes; a list that outlives it three times will not finish the fourth time either. */
const STARTS = 3;

export interface ListOptions<T> {
  readonly resource: Resource;
  /** '' for the whole cluster. */
  readonly namespace: string;
  readonly labelSelector?: string;
  /** Only the metadata is asked for. */
  readonly metadataOnly?: boolean;
  /** What is kept of an object; undefined for nothing. */
  readonly keep: (object: unknown) => T | undefined;
  readonly signal?: AbortSignal;
}

export interface Listed<T> {
  readonly items: readonly T[];
  /** Of the moment that the whole list shows. */
  readonly resourceVersion: string;
  /** `Date` of the first page, milliseconds since the epoch. */
  readonly date: number | undefined;
}

/** Nobody has installed it. */
export class NotServed extends OutOfReach {
  override name = 'NotServed';
  constructor({ name }: Resource) {
    super(`the API server does not serve ${name}`);
  }
}

/**
 * A list of one moment, read page by page; of each page only what `keep` returns outlives it. Starts over when the
 * list token has expired. Throws `OutOfReach` and `NotPermitted`.
 */
export async function list<T>(transport: Transport, options: ListOptions<T>): Promise<Listed<T>> {
  for (let start = 0; start < STARTS; start++) {
    const listed = await listOnce(transport, options);
    if (listed !== undefined) return listed;
  }
  throw new OutOfReach(`the list of ${options.resource.name} expired ${STARTS} times before it was read`);
}

/** Undefined when the list token expired on the way. */
async function listOnce<T>(transport: Transport, options: ListOptions<T>): Promise<Listed<T> | undefined> {
  const items: T[] = [];
  let date: number | undefined;
  let token = '';
  let limit = PAGE;
  for (;;) {
    const page = await readPage(transport, options, { token, limit, items });
    if (page === 'expired') return undefined;
    if (page === 'tooLarge') {
      limit = Math.floor(limit / SMALLER);
      continue;
    }
    date ??= page.date;
    token = page.token;
    if (token === '') return { items, resourceVersion: page.resourceVersion, date };
  }
}

/** A function of its own, so that the raw page can be collected before the next one is asked for. */
async function readPage<T>(
  transport: Transport,
  { resource, namespace, labelSelector, metadataOnly = false, keep, signal }: ListOptions<T>,
  { token, limit, items }: { readonly token: string; readonly limit: number; readonly items: T[] },
): Promise<{ token: string; resourceVersion: string; date: number | undefined } | 'expired' | 'tooLarge'> {
  const query = {
    limit: String(limit),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(token === '' ? {} : { continue: token }),
  };
  const call: Call = { verb: 'list', resource, namespace, query, metadataOnly };
  const answer = await transport.read(call, ONE_PAGE, signal).catch((error: unknown) => {
    // Anybody may have written objects of a megabyte: they must not keep the rest from being read.
    if (limit >= SMALLER && error instanceof OutOfReach && error.cause instanceof TooLarge) return undefined;
    throw error;
  });
  if (answer === undefined) return 'tooLarge';
  const { status, body, date } = answer;
  if (status === 410) return 'expired';
  if (status === 404) throw new NotServed(resource);
  if (!isList(body))
    throw new OutOfReach(`what answered "${describeCall(call)}" is no list: is this a Kubernetes API server?`);
  for (const object of listAt(body, 'items')) {
    const kept = keep(object);
    if (kept !== undefined) items.push(kept);
  }
  return {
    token: textAt(body, 'metadata', 'continue') ?? '',
    resourceVersion: textAt(body, 'metadata', 'resourceVersion') ?? '',
    date,
  };
}

/** An empty one may be null, as Go writes it. Anything else is not an empty cluster but somebody else's answer. */
function isList(body: unknown): boolean {
  const items = at(body, 'items') ?? [];
  return Array.isArray(items) && (textAt(body, 'kind') ?? '').endsWith('List');
}
