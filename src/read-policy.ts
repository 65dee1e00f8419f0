import { parsePolicy, type Policy, type Problem } from './domain/policy.ts';
import type { PolicySource } from './ports.ts';

/** The policy does not say what to do; nothing was touched. */
export class InvalidPolicy extends Error {
  override name = 'InvalidPolicy';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    super(`the policy has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`);
    this.problems = problems;
  }
}

/** The policy as it stands now. Throws `InvalidPolicy`, or what the source throws. */
export async function readPolicy(source: PolicySource): Promise<Policy> {
  const parsed = parsePolicy(await source.read());
  if (parsed.kind === 'invalid') throw new InvalidPolicy(parsed.problems);
  return parsed.policy;
}
