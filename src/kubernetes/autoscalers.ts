import { keyOf, type Autoscaler, type Kind } from '../domain/model.ts';
import { at, countAt, numberAt, textAt } from './json.ts';
import { kindOf, resourceOf } from './kinds.ts';
import { list } from './lists.ts';
import { AUTOSCALERS } from './resource.ts';
import type { Transport } from './transport.ts';
import { LONGEST_VALUE } from './workload-projection.ts';

/**
 * The HorizontalPodAutoscalers of a namespace, or of the cluster, by the key of the workload that they scale, of these kinds.
 * Of several for one (which Kubernetes lets none of them scale) the first. Throws like `list`.
 */
export async function readAutoscalers(
  transport: Transport,
  { namespace, kinds }: { readonly namespace: string; readonly kinds: readonly Kind[] },
): Promise<ReadonlyMap<string, Autoscaler>> {
  const autoscalers = new Map<string, Autoscaler>();
  await list(transport, {
    resource: AUTOSCALERS,
    namespace,
    keep: object => {
      const key = keyOfTarget(object, kinds);
      if (key !== undefined && !autoscalers.has(key)) autoscalers.set(key, projectAutoscaler(object));
      return undefined;
    },
  });
  return autoscalers;
}

/** A HorizontalPodAutoscaler (autoscaling/v2), reduced to what is shown and judged of it. Never throws. */
function projectAutoscaler(object: unknown): Autoscaler {
  const lastScaled = Date.parse(textAt(object, 'status', 'lastScaleTime') ?? '');
  return {
    name: (textAt(object, 'metadata', 'name') ?? '').slice(0, LONGEST_VALUE),
    min: numberAt(object, 'spec', 'minReplicas') ?? 1,
    max: countAt(object, 'spec', 'maxReplicas'),
    lastScaled: Number.isNaN(lastScaled) ? undefined : lastScaled,
  };
}

/** Undefined where it scales something that nightshift does not restart. */
function keyOfTarget(object: unknown, kinds: readonly Kind[]): string | undefined {
  const target = at(object, 'spec', 'scaleTargetRef');
  const kind = kindOf(textAt(target, 'kind'));
  const [group = ''] = (textAt(target, 'apiVersion') ?? '').split('/').slice(0, -1);
  if (kind === undefined || !kinds.includes(kind) || group !== resourceOf(kind).group) return undefined;
  return keyOf({
    kind,
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: (textAt(target, 'name') ?? '').slice(0, LONGEST_VALUE),
  });
}
