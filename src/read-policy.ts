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

/** The policy as it stands now. Throws `InvalidPolicy`, or what the source throws. */
export async function readPolicy(source: PolicySource): Promise<Policy> {
  const parsed = parsePolicy(await source.read());
  if (parsed.kind === 'invalid') throw new InvalidPolicy(source.name, parsed.problems);
  return parsed.policy;
}
