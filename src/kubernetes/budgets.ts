import type { ObjectRef } from '../domain/model.ts';
import { type Labels, type Requirement, selectorMatches, type Selector } from '../domain/selector.ts';
import { at, isRecord, listAt, textAt, textsAt } from './json.ts';
import { list } from './lists.ts';
import { BUDGETS } from './resource.ts';
import type { Transport } from './transport.ts';

/** A PodDisruptionBudget: whom it selects. */
export interface Budget extends ObjectRef {
  readonly selector: Selector;
}

/** By namespace. */
type Budgets = ReadonlyMap<string, readonly Budget[]>;

/** All budgets of a namespace, or of the cluster. Throws like `list`. */
export async function readBudgets(transport: Transport, namespace: string): Promise<Budgets> {
  const { items } = await list(transport, { resource: BUDGETS, namespace, keep: projectBudget });
  return Map.groupBy(items, budget => budget.namespace);
}

/** Those that select Pods with these labels, as `NAMESPACE/NAME`. */
export function budgetsOf(budgets: Budgets, namespace: string, labels: Labels): readonly string[] {
  return (budgets.get(namespace) ?? [])
    .filter(({ selector }) => selectorMatches(selector, labels))
    .map(budget => `${budget.namespace}/${budget.name}`);
}

/** Undefined for one without a selector, which selects nothing; an empty selector selects everything (policy/v1). */
export function projectBudget(object: unknown): Budget | undefined {
  const selector = at(object, 'spec', 'selector');
  if (!isRecord(selector)) return undefined;
  return {
    namespace: textAt(object, 'metadata', 'namespace') ?? '',
    name: textAt(object, 'metadata', 'name') ?? '',
    selector: selectorOf(selector),
  };
}

/** Operators that nobody knows are left out: better a budget too many in common than one too few. */
function selectorOf(selector: unknown): Selector {
  const labels = Object.entries(textsAt(selector, 'matchLabels')).map(
    ([key, value]): Requirement => ({ kind: 'in', key, values: [value] }),
  );
  const expressions = listAt(selector, 'matchExpressions').flatMap((expression): Requirement[] => {
    const key = textAt(expression, 'key') ?? '';
    const values = listAt(expression, 'values').filter(value => typeof value === 'string');
    switch (textAt(expression, 'operator')) {
      case 'In':
        return [{ kind: 'in', key, values }];
      case 'NotIn':
        return [{ kind: 'notIn', key, values }];
      case 'Exists':
        return [{ kind: 'exists', key }];
      case 'DoesNotExist':
        return [{ kind: 'missing', key }];
      default:
        return [];
    }
  });
  return [...labels, ...expressions];
}
