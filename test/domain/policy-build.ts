import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem, parsePolicy, type Problem } from '../../src/domain/policy.ts';

/** Everything that a policy can say, with its documented defaults. */
export const FULL_POLICY = `apiVersion: nightshift/v1alpha1
kind: RestartPolicy
windows:
  timeZone: Europe/Berlin
  allow:
    - { name: weeknights, opens: "0 1 * * 1-5", lasts: 4h }
  deny:
    - { name: month-end, opens: "0 0 28 * *", lasts: 3d }
    - { name: year-end freeze, from: 2026-12-20, until: 2027-01-06 }
select:
  namespaces: { include: ["team-*"], exclude: ["*-legacy"], labels: "istio-injection=enabled" }
  workloads:  { labels: "tier in (web, api)", exclude: ["shop/old-*"], owners: [Kafka.kafka.strimzi.io] }
  kinds: [DaemonSet, Deployment]
stale:
  - podOlderThan: 7d
  - container: istio-proxy
    imageNot: ["docker.io/istio/proxyv2:1.24.2", "docker.io/istio/proxyv2:1.24.2-distroless"]
  - { injection: drift, containers: [istio-proxy], fields: [image, args], mayLack: [istio-init] }
  - configChanged: { volumes: false, secrets: true }
order:
  - { label: tier, values: [web, api] }
  - { namespaces: [team-a, "team-*"] }
ready:
  - deployment: istio-system/istiod
availability: { downtime: skip, unhealthy: skip }
batches:
  sizes: [1, 5, 20]
  pause: 1m
  inFlight: { workloads: 10, pods: 100, perNamespace: 3 }
rollout:
  timeout: 10m
  soak: 30s
onFailure:
  stopAfter: 1
  resume: nextWindow
  undo: false
  retryAfter: 20h
`;

/** The least that is a policy. Line 5 is its window, line 7 its criterion; what is appended begins at line 8. */
export const SMALL_POLICY = `apiVersion: nightshift/v1alpha1
kind: RestartPolicy
windows:
  allow:
    - { name: nights, opens: 0 1 * * *, lasts: 4h }
stale:
  - podOlderThan: 7d
`;

export const swap = (from: string, to: string): string => {
  assert.ok(SMALL_POLICY.includes(from), `${from} stands in the small policy`);
  return SMALL_POLICY.replace(from, to);
};

export const plus = (...lines: readonly string[]): string => `${SMALL_POLICY}${lines.join('\n')}\n`;

/**
 * A malformed policy. In its text the marker ‸ stands where the one problem must be reported; `expected` is a part of
 * the phrase; `found` is given where it is not plain from the text.
 */
export type Case = readonly [why: string, text: string, path: string, expected: string, found?: string];

const HERE = '‸';

/** The text of a case as a person would have written it. */
export const textOf = ([, text]: Case): string => text.replace(HERE, '');

/** `LINE:COLUMN` of the problem of a case. */
export const placeOf = ([, text]: Case): string => placeOfMarker(text);

/** One test for each case: it has this problem in this place, and no other. */
export function refuses(cases: readonly Case[]): void {
  for (const [why, text, path, expected, found] of cases) {
    test(`${why} is the one problem of a policy, and it is named where it stands`, () => {
      const [problem, ...others] = problemsOf(text.replace(HERE, ''));
      assert.deepEqual(others.map(formatProblem), []);
      assert.ok(problem !== undefined);
      assert.equal(`${problem.line}:${problem.column} ${problem.path}`, `${placeOfMarker(text)} ${path}`);
      assert.ok(problem.expected.includes(expected), formatProblem(problem));
      if (found !== undefined) assert.equal(problem.value, found);
    });
  }
}

export function problemsOf(text: string): readonly Problem[] {
  const parsed = parsePolicy(text);
  return parsed.kind === 'invalid' ? parsed.problems : assert.fail('the policy is valid');
}

function placeOfMarker(text: string): string {
  const [before = '', after] = text.split(HERE);
  assert.ok(after !== undefined, 'the text has a marker');
  const lines = before.split('\n');
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}
