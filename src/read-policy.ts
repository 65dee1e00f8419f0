import { parsePolicy, type Policy, type Problem } from './domain/policy.ts';
import type { PolicySource } from './ports.ts';

/** The policy does not say what to do; nothing was touched. */
export class InvalidPolicy extends Error {
  override name = 'InvalidPolicy';
  /** What a person calls it: the file's name. */
  readonly source: string;
  readonly problems: readonly Problem[];
  constructor(source: string, problems: readonly Problem[]) {
    super(`the policy has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`);
    this.source = source;
    this.problems = problems;
  }
}

/** What each source said last: it is read again at every save, and nearly always says the same. */
const known = new WeakMap<PolicySource, { readonly text: string; readonly policy: Policy }>();

/** The policy as it stands now. Throws `InvalidPolicy`, or what the source throws. */
export async function readPolicy(source: PolicySource): Promise<Policy> {
  const text = await source.read();
  const before = known.get(source);
  if (before?.text === text) return before.policy;
  const parsed = parsePolicy(text);
  if (parsed.kind === 'invalid') throw new InvalidPolicy(source.name, parsed.problems);
  known.set(source, { text, policy: parsed.policy });
  return parsed.policy;
}
