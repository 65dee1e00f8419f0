import { isSuccess, messageOf } from './answer.ts';
import { at } from './json.ts';
import type { Call } from './resource.ts';
import { ACCESS_REVIEWS } from './resource.ts';
import type { Reply, Transport } from './transport.ts';

/** How every authorizer's refusal reads (apiserver's ForbiddenMessage); admission plugins use words of their own. */
const AUTHORIZER = /User "[^"]*" cannot \S+ resource /;

/**
 * Whose a 403 was: RBAC's, which ends the run, or an admission plugin's, which concerns one object; the API server is
 * asked. Undefined when that cannot be told, or when our rights were not known yet: for a moment after its start an API
 * server refuses everybody everything. Then a repeat tells.
 */
export async function refuserOf(
  transport: Transport,
  call: Call,
  { status, body }: Reply,
): Promise<'rbac' | 'admission' | undefined> {
  const { verb, resource, namespace, name } = call;
  const { group, plural, subresource } = resource;
  const attributes = { verb, group, resource: plural, subresource, namespace, name };
  const review = await transport.attempt({
    verb: 'create',
    resource: ACCESS_REVIEWS,
    namespace: '',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: attributes },
    },
  });
  if (review.kind === 'unanswered' || !isSuccess(review.status)) return undefined;
  const allowed = at(review.body, 'status', 'allowed');
  if (allowed === false) return 'rbac';
  return allowed === true && !AUTHORIZER.test(messageOf(status, body)) ? 'admission' : undefined;
}
