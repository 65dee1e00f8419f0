import type { Workload, WorkloadRef } from '../domain/model.ts';
import { LAST_RESTART } from '../domain/model.ts';
import type { PatchAnswer, RescaleOrder, RestartOrder, UndoOrder } from '../ports.ts';
import type { Reply } from './transport.ts';
import { refuserOf } from './access.ts';
import { causesOf, isPassing, isSuccess, messageOf } from './answer.ts';
import { Interner } from './interner.ts';
import { textAt } from './json.ts';
import type { Call } from './resource.ts';
import { resourceOf, translationOf } from './kinds.ts';
import { describeCall, permissionOf } from './resource.ts';
import type { Transport } from './transport.ts';
import { failureOf, ONE_WRITE } from './transport.ts';
import { projectWorkload } from './workload-projection.ts';

/** The restart: T where the kind has it and the record for the workload, conditional on the version that was judged. */
export function restartBody({ workload, at, record }: RestartOrder): unknown {
  return { ...recordBody(workload, record), ...restartedAtBody(workload, at) };
}

/** What stood there before, and the record, conditional likewise. */
export function undoBody({ workload, back, record }: UndoOrder): unknown {
  return { ...recordBody(workload, record), ...restartedAtBody(workload, back ?? null) };
}

/** `{ spec: ... }` */
function restartedAtBody({ kind }: Workload, restartedAt: string | null): object {
  const path = translationOf(kind).restartedAt;
  return Object(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), restartedAt));
}

/** The record alone, conditional likewise. */
export function recordBody({ uid, resourceVersion }: Workload, record: string): { readonly metadata: unknown } {
  return { metadata: { uid, resourceVersion, annotations: { [LAST_RESTART]: record } } };
}

/** Replicas and the record, conditional likewise: one cannot be there without the other. */
export function rescaleBody({ workload, replicas, record }: RescaleOrder): unknown {
  return { ...recordBody(workload, record), spec: { replicas } };
}

/** The same as a JSON Patch (RFC 6902), conditional on what it changes and on the object. */
export function scaleBackBody({ workload, replicas, record }: RescaleOrder): readonly unknown[] {
  const [uid, count, annotation] = [
    '/metadata/uid',
    '/spec/replicas',
    `/metadata/annotations/${escaped(LAST_RESTART)}`,
  ];
  return [
    { op: 'test', path: uid, value: workload.uid },
    { op: 'test', path: count, value: workload.replicas },
    { op: 'test', path: annotation, value: workload.record },
    { op: 'replace', path: count, value: replicas },
    { op: 'replace', path: annotation, value: record },
  ];
}

/** As a part of a JSON Pointer (RFC 6901). */
const escaped = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** What etcd says of an object that the annotations of a restart make larger than it takes (1.5 MiB). */
const TOO_LARGE = /request is too large/;

export interface PatchOptions {
  readonly ref: WorkloadRef;
  readonly body: unknown;
  readonly fieldManager: string;
}

/**
 * One attempt, translated. A crash before the answer leaves either nothing or the whole patch: T, record and condition
 * travel in one request, and the next read of the workload tells which.
 */
export async function patch(transport: Transport, { ref, body, fieldManager }: PatchOptions): Promise<PatchAnswer> {
  const call: Call = {
    verb: 'patch',
    resource: resourceOf(ref.kind),
    namespace: ref.namespace,
    name: ref.name,
    query: { fieldManager, timeout: '10s' },
    body,
  };
  const answer = await transport.attempt(call, ONE_WRITE);
  if (answer.kind === 'unanswered') return { kind: 'unanswered', message: answer.message, retryAfter: undefined };
  const { status } = answer;
  if (isSuccess(status)) return { kind: 'accepted', workload: projectWorkload(answer.body, ref.kind, new Interner()) };
  // The API server compares uid and resourceVersion with the object: one tells of a conflict, the other of an
  // immutable field. An admission policy that denies is a 422 as well, without that cause.
  if (status === 409 || (status === 422 && causesOf(answer.body).includes('metadata.uid'))) return { kind: 'conflict' };
  if (Array.isArray(body) && isFailedTest(answer)) return { kind: 'conflict' };
  if (status === 404) return { kind: 'gone' };
  if (status === 403) return refusal(transport, call, answer);
  // However often it is repeated, and only because of what somebody else wrote into it.
  if (status === 500 && TOO_LARGE.test(messageOf(status, answer.body))) {
    return { kind: 'denied', message: messageOf(status, answer.body) };
  }
  if (status === 401 || isPassing(status) || status < 400) {
    const { message, retryAfter } = failureOf(answer);
    return { kind: 'unanswered', message, retryAfter };
  }
  return { kind: 'denied', message: messageOf(status, answer.body) };
}

/** Of a `test` of a JSON Patch that fails it says no more than that (tried on 1.36): what is denied has a name, or a webhook. */
const isFailedTest = ({ status, body }: Reply): boolean =>
  status === 422 &&
  textAt(body, 'details', 'name') === undefined &&
  textAt(body, 'message')?.startsWith('admission webhook') !== true;

/** RBAC's ends the run, an admission plugin's concerns this workload only. */
async function refusal(transport: Transport, call: Call, answer: Reply): Promise<PatchAnswer> {
  const message = messageOf(answer.status, answer.body);
  const refuser = await refuserOf(transport, call, answer);
  if (refuser === 'admission') return { kind: 'denied', message };
  if (refuser === 'rbac') return { kind: 'forbidden', permission: permissionOf(call) };
  // The caller may find out with a repeat, which is harmless.
  const unknown = `${describeCall(call)} was refused, and whether by RBAC could not be found out: ${message}`;
  return { kind: 'unanswered', message: unknown, retryAfter: undefined };
}
