import { ONE, parseQuantity } from '../domain/quantity.ts';
import type { Amounts, PodUsage } from '../domain/quota.ts';
import type { Labels } from '../domain/selector.ts';
import { listAt, numberAt, textAt, textsAt } from './json.ts';

/** Of these a quota counts the limits, too (pkg/quota/v1/evaluator/core/pods.go). */
const LIMITED = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** What a Pod counts for in the quotas that name these resources. Never throws. */
export function projectUsage(pod: unknown, names: ReadonlySet<string>): PodUsage {
  const amounts = new Map<string, bigint>();
  for (const [resource, amount] of totalOf(pod, 'requests')) {
    amounts.set(`requests.${resource}`, amount);
    // Of an extended resource (it has a domain) a quota names the requests only.
    if (!resource.includes('/')) amounts.set(resource, amount);
  }
  for (const [resource, amount] of totalOf(pod, 'limits')) {
    if (LIMITED.has(resource)) amounts.set(`limits.${resource}`, amount);
  }
  for (const name of ['pods', 'count/pods']) amounts.set(name, ONE);
  return { amounts: new Map([...amounts].filter(([name]) => names.has(name))), scopes: scopesOf(pod) };
}

/** The quantities of a map of texts; what is none is left out. */
export function amountsAt(object: unknown, ...path: readonly string[]): Amounts {
  return new Map(
    Object.entries(textsAt(object, ...path)).flatMap(([name, text]) => {
      const amount = parseQuantity(text);
      return amount === undefined ? [] : [[name, amount] as const];
    }),
  );
}

/**
 * As Kubernetes sums up a Pod (component-helpers/resource `PodRequests`, `PodLimits`): its containers and native sidecars
 * together, or more where an init container beside the sidecars before it takes more; what the Pod says for itself counts
 * instead; then what its runtime takes.
 */
function totalOf(pod: unknown, what: 'requests' | 'limits'): Amounts {
  const total = new Map<string, bigint>();
  const sidecars = new Map<string, bigint>();
  const peak = new Map<string, bigint>();
  for (const container of listAt(pod, 'spec', 'containers')) add(total, amountsAt(container, 'resources', what));
  for (const container of listAt(pod, 'spec', 'initContainers')) {
    const own = amountsAt(container, 'resources', what);
    if (textAt(container, 'restartPolicy') === 'Always') {
      add(total, own);
      add(sidecars, own);
      raise(peak, sidecars);
    } else {
      const beside = new Map(sidecars);
      add(beside, own);
      raise(peak, beside);
    }
  }
  raise(total, peak);
  for (const [resource, amount] of amountsAt(pod, 'spec', 'resources', what)) total.set(resource, amount);
  const overhead = [...amountsAt(pod, 'spec', 'overhead')];
  // What has no limit gets none by its overhead.
  add(total, new Map(what === 'requests' ? overhead : overhead.filter(([resource]) => total.get(resource))));
  return total;
}

function add(sum: Map<string, bigint>, more: Amounts): void {
  for (const [resource, amount] of more) sum.set(resource, (sum.get(resource) ?? 0n) + amount);
}

function raise(peak: Map<string, bigint>, to: Amounts): void {
  for (const [resource, amount] of to) if (amount > (peak.get(resource) ?? 0n)) peak.set(resource, amount);
}

/** Those that hold, by the names that the scopes of quotas have. */
function scopesOf(pod: unknown): Labels {
  const priorityClass = textAt(pod, 'spec', 'priorityClassName') ?? '';
  return {
    ...((numberAt(pod, 'spec', 'activeDeadlineSeconds') ?? -1) < 0 ? {} : { Terminating: '' }),
    ...(textAt(pod, 'status', 'qosClass') === 'BestEffort' ? { BestEffort: '' } : {}),
    ...(priorityClass === '' ? {} : { PriorityClass: priorityClass }),
  };
}
