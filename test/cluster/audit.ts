/** What the API server was asked, from its audit log. */
import { readFileSync } from 'node:fs';

export interface ApiRequestSeen {
  readonly user: string;
  /** As RBAC knows it: get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verb: string;
  /** Plural, with its subresource: `pods`, `pods/status`; empty for paths like /version. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** HTTP status. */
  readonly code: number;
  /** When it arrived, milliseconds since the epoch. */
  readonly at: number;
  readonly uri: string;
  readonly userAgent: string;
}

/** An entry of the log, as far as we read it. */
interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user?: { readonly username?: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/** Every request in the order of arrival; a watch counts once, from the moment it was opened. */
export function readAuditLog(file: string): ApiRequestSeen[] {
  const seen = new Map<string, ApiRequestSeen>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (!line.endsWith('}')) continue;
    const event: AuditEvent = JSON.parse(line);
    if (!seen.has(event.auditID)) seen.set(event.auditID, requestOf(event));
  }
  return [...seen.values()].toSorted((a, b) => a.at - b.at);
}

function requestOf(event: AuditEvent): ApiRequestSeen {
  const { resource = '', subresource, namespace = '', name = '' } = event.objectRef ?? {};
  return {
    user: event.user?.username ?? '',
    verb: event.verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    code: event.responseStatus?.code ?? 0,
    at: Date.parse(event.requestReceivedTimestamp),
    uri: event.requestURI,
    userAgent: event.userAgent ?? '',
  };
}
