import type { Budget, Counted } from '../domain/budget.ts';
import { keyOf, type ObjectRef, type WorkloadRef } from '../domain/model.ts';
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

/** Which budgets select Pods of which workload, as they are come across. */
export class BudgetsSeen {
  readonly #budgets: Budgets;
  readonly #byWorkload = new Map<string, Map<string, Budget>>();

  constructor(budgets: Budgets) {
    this.#budgets = budgets;
  }

  /** Labels of a Pod, or of the template: those that admission adds are on the Pods alone. */
  see(workload: WorkloadRef, labels: Labels): void {
    const found = budgetsOf(this.#budgets, workload.namespace, labels);
    if (found.length === 0) return;
    const known = this.#byWorkload.get(keyOf(workload)) ?? new Map<string, Budget>();
    this.#byWorkload.set(keyOf(workload), known);
    // One Pod that has two of them is enough.
    for (const budget of found) if (known.get(budget.name)?.beside === undefined) known.set(budget.name, budget);
  }

  get all(): ReadonlyMap<string, readonly Budget[]> {
    return new Map([...this.#byWorkload].map(([key, known]) => [key, [...known.values()]]));
  }
}

/** Those that select Pods with these labels. */
export function budgetsOf(budgets: Budgets, namespace: string, labels: Labels): readonly Budget[] {
  const all = (budgets.get(namespace) ?? []).filter(({ selector }) => selectorMatches(selector, labels));
  return all.map(({ budget }, index) => ({ ...budget, beside: all[index === 0 ? 1 : 0]?.budget.name }));
}

/** Undefined for one without a selector, which selects nothing; an empty selector selects everything (policy/v1). */
export function projectBudget(object: unknown): SelectingBudget | undefined {
  const selector = at(object, 'spec', 'selector');
  if (!isRecord(selector)) return undefined;
  const [namespace, name] = [textAt(object, 'metadata', 'namespace') ?? '', textAt(object, 'metadata', 'name') ?? ''];
  const budget = {
    name: `${namespace}/${name}`,
    counted: countedAt(object),
    minAvailable: amountAt(object, 'minAvailable'),
    maxUnavailable: amountAt(object, 'maxUnavailable'),
  };
  return { namespace, name, budget, selector: selectorOf(selector) };
}

/** What its controller says of the budget as it stands. */
function countedAt(object: unknown): Counted | undefined {
  const seen = numberAt(object, 'status', 'observedGeneration');
  if (seen === undefined || seen < (numberAt(object, 'metadata', 'generation') ?? 0)) return undefined;
  const failed = listAt(object, 'status', 'conditions').some(
    condition => textAt(condition, 'type') === 'DisruptionAllowed' && textAt(condition, 'reason') === 'SyncFailed',
  );
  return {
    expected: numberAt(object, 'status', 'expectedPods') ?? 0,
    allowed: numberAt(object, 'status', 'disruptionsAllowed') ?? 0,
    isFailing: failed,
  };
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
