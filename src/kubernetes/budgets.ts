import type { Budget } from '../domain/budget.ts';
import type { ObjectRef } from '../domain/model.ts';
import { type Labels, type Requirement, selectorMatches, type Selector } from '../domain/selector.ts';
import { at, isRecord, listAt, numberAt, textAt, textsAt } from './json.ts';
import { list } from './lists.ts';
import { BUDGETS } from './resource.ts';
import type { Transport } from './transport.ts';

/** A PodDisruptionBudget, with whom it selects. */
interface SelectingBudget extends ObjectRef {
  readonly budget: Budget;
  readonly selector: Selector;
}

/** By namespace. */
type Budgets = ReadonlyMap<string, readonly SelectingBudget[]>;

/** All budgets of a namespace, or of the cluster. Throws like `list`. */
export async function readBudgets(transport: Transport, namespace: string): Promise<Budgets> {
  const { items } = await list(transport, { resource: BUDGETS, namespace, keep: projectBudget });
  return Map.groupBy(items, budget => budget.namespace);
}

/** Those that select Pods with these labels. */
export function budgetsOf(budgets: Budgets, namespace: string, labels: Labels): readonly Budget[] {
  return (budgets.get(namespace) ?? [])
    .filter(({ selector }) => selectorMatches(selector, labels))
    .map(({ budget }) => budget);
}

/** Undefined for one without a selector, which selects nothing; an empty selector selects everything (policy/v1). */
export function projectBudget(object: unknown): SelectingBudget | undefined {
  const selector = at(object, 'spec', 'selector');
  if (!isRecord(selector)) return undefined;
  const [namespace, name] = [textAt(object, 'metadata', 'namespace') ?? '', textAt(object, 'metadata', 'name') ?? ''];
  const budget = {
    name: `${namespace}/${name}`,
    expected: numberAt(object, 'status', 'expectedPods'),
    minAvailable: amountAt(object, 'minAvailable'),
    maxUnavailable: amountAt(object, 'maxUnavailable'),
  };
  return { namespace, name, budget, selector: selectorOf(selector) };
}

const amountAt = (object: unknown, key: string): number | string | undefined =>
  numberAt(object, 'spec', key) ?? textAt(object, 'spec', key);

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
