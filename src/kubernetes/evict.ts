import type { ObjectRef, Pod } from '../domain/model.ts';
import type { EvictAnswer } from '../ports.ts';
import { refuserOf } from './access.ts';
import { isPassing, isSuccess, messageOf, type Answer } from './answer.ts';
import { listAt, textAt } from './json.ts';
import { describeCall, EVICTIONS, permissionOf, type Call } from './resource.ts';
import { failureOf, ONE_WRITE, type Transport } from './transport.ts';

/** A Pod that several budgets select can never be evicted (pkg/registry/core/pod/storage/eviction.go), as an error 500. */
const SEVERAL_BUDGETS = /more than one PodDisruptionBudget/;

/**
 * One attempt to have a Pod deleted as far as its PodDisruptionBudget allows; not another one of its name. A crash before
 * the answer leaves the Pod as it is or on its way out, which the next look at the Pods tells.
 */
export async function evict(transport: Transport, { namespace }: ObjectRef, pod: Pod): Promise<EvictAnswer> {
  const call: Call = {
    verb: 'create',
    resource: EVICTIONS,
    namespace,
    name: pod.name,
    query: { timeout: '10s' },
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace },
      deleteOptions: { preconditions: { uid: pod.uid } },
    },
  };
  const answer = await transport.attempt(call, ONE_WRITE);
  if (answer.kind === 'unanswered') return { kind: 'unanswered', message: answer.message, retryAfter: undefined };
  const { status, body } = answer;
  if (isSuccess(status)) return { kind: 'accepted' };
  // It has been changed or made anew since it was listed, or is gone.
  if (status === 404 || status === 409) return { kind: 'changed' };
  const message = messageOf(status, body);
  const { retryAfter } = failureOf(answer);
  const budget = status === 429 ? budgetOf(answer) : undefined;
  if (budget !== undefined) return { kind: 'blocked', message: budget, retryAfter };
  if (status === 403) {
    const refuser = await refuserOf(transport, call, answer);
    if (refuser === 'rbac') return { kind: 'forbidden', permission: permissionOf(call) };
    if (refuser === 'admission') return { kind: 'denied', message };
    return { kind: 'unanswered', message: `${describeCall(call)} was refused: ${message}`, retryAfter: undefined };
  }
  if (status === 500 && SEVERAL_BUDGETS.test(message)) return { kind: 'never', message };
  if (status === 401 || isPassing(status) || status < 400) return { kind: 'unanswered', message, retryAfter };
  return { kind: 'denied', message };
}

/** What the budget says, which names it; undefined where a 429 has another cause. */
function budgetOf({ body }: Answer & { readonly kind: 'answered' }): string | undefined {
  const cause = listAt(body, 'details', 'causes').find(one => textAt(one, 'reason') === 'DisruptionBudget');
  return cause === undefined ? undefined : (textAt(cause, 'message') ?? '');
}
