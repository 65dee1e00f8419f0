import { keyOf, type WorkloadRef } from '../domain/model.ts';
import type { PodUsage, Quota } from '../domain/quota.ts';
import type { Requirement, Selector } from '../domain/selector.ts';
import { at, listAt, textAt } from './json.ts';
import { list } from './lists.ts';
import { amountsAt, projectUsage } from './pod-usage.ts';
import { QUOTAS } from './resource.ts';
import type { Transport } from './transport.ts';

/** By namespace. */
type Quotas = ReadonlyMap<string, readonly Quota[]>;

/** All quotas of a namespace, or of the cluster. Throws like `list`. */
export async function readQuotas(transport: Transport, namespace: string): Promise<Quotas> {
  const { items } = await list(transport, { resource: QUOTAS, namespace, keep: projectQuota });
  return Map.groupBy(items, quota => quota.namespace);
}

/** A ResourceQuota by its status, as admission reads it: what stands in the spec alone is not in force yet. Never throws. */
export function projectQuota(object: unknown): Quota {
  return {
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
    counts: selectorOf(at(object, 'spec')),
    hard: amountsAt(object, 'status', 'hard'),
    used: amountsAt(object, 'status', 'used'),
  };
}

/** Undefined where one of its scopes is none of those that a Pod alone tells about. */
function selectorOf(spec: unknown): Selector | undefined {
  const requirements = [
    ...listAt(spec, 'scopes').map(scope => requirementOf(scope, 'Exists', [])),
    ...listAt(spec, 'scopeSelector', 'matchExpressions').map(expression => {
      const values = listAt(expression, 'values').filter(value => typeof value === 'string');
      return requirementOf(at(expression, 'scopeName'), textAt(expression, 'operator'), values);
    }),
  ];
  return requirements.every(requirement => requirement !== undefined) ? requirements : undefined;
}

/** Operators as `podMatchesScopeFunc` takes them (pkg/quota/v1/evaluator/core). */
function requirementOf(
  scope: unknown,
  operator: string | undefined,
  values: readonly string[],
): Requirement | undefined {
  const exists = operator === 'Exists';
  switch (scope) {
    case 'Terminating':
    case 'BestEffort':
      return exists ? { kind: 'exists', key: scope } : undefined;
    case 'NotTerminating':
    case 'NotBestEffort':
      return exists ? { kind: 'missing', key: scope.slice('Not'.length) } : undefined;
    case 'PriorityClass':
      if (exists) return { kind: 'exists', key: scope };
      if (operator === 'DoesNotExist') return { kind: 'missing', key: scope };
      if (operator === 'In') return { kind: 'in', key: scope, values };
      return operator === 'NotIn' ? { kind: 'notIn', key: scope, values } : undefined;
    default:
      return undefined;
  }
}

/**
 * What the newest Pod of each workload counts for, where its namespace has a quota: the next one will be like it, with all
 * that LimitRanges and injectors add. Only what the quotas name is kept, and one copy of what many have in common.
 */
export class Usages {
  readonly #names = new Map<string, ReadonlySet<string>>();
  readonly #newest = new Map<string, { readonly createdAt: number; readonly usage: PodUsage }>();
  readonly #copies = new Map<string, PodUsage>();

  constructor(quotas: Quotas) {
    for (const [namespace, all] of quotas) {
      this.#names.set(namespace, new Set(all.flatMap(({ hard }) => [...hard.keys()])));
    }
  }

  see(workload: WorkloadRef, { object, createdAt }: { readonly object: unknown; readonly createdAt: number }): void {
    const names = this.#names.get(workload.namespace);
    const key = keyOf(workload);
    const known = this.#newest.get(key);
    if (names === undefined || (known !== undefined && known.createdAt >= createdAt)) return;
    this.#newest.set(key, { createdAt, usage: this.#copy(projectUsage(object, names)) });
  }

  /** By the key of the workload. */
  get all(): ReadonlyMap<string, PodUsage> {
    return new Map([...this.#newest].map(([key, { usage }]) => [key, usage]));
  }

  #copy(usage: PodUsage): PodUsage {
    const amounts = [...usage.amounts].map(([name, amount]) => [name, String(amount)]);
    const key = JSON.stringify([amounts, usage.scopes]);
    const known = this.#copies.get(key) ?? usage;
    this.#copies.set(key, known);
    return known;
  }
}
