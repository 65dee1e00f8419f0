import { at } from './json.ts';
import type { Call } from './resource.ts';
import { ACCESS_REVIEWS } from './resource.ts';
import type { Transport } from './transport.ts';

/**
 * Whether a 403 was RBAC's, which ends the run, and not an admission plugin's, which concerns one object: the API server
 * is asked. Undefined when it does not say.
 */
export async function isForbiddenByRbac(transport: Transport, call: Call): Promise<boolean | undefined> {
  const { verb, resource, namespace, name } = call;
  const attributes = { verb, group: resource.group, resource: resource.plural, namespace, name };
  try {
    const review = await transport.read({
      verb: 'create',
      resource: ACCESS_REVIEWS,
      namespace: '',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: attributes },
      },
    });
    const allowed = at(review.body, 'status', 'allowed');
    return typeof allowed === 'boolean' ? !allowed : undefined;
  } catch {
    return undefined;
  }
}
