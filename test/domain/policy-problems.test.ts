import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '../../src/domain/policy.ts';
import { FULL_POLICY, problemsOf, refuses } from './policy-build.ts';
import { MISTAKES } from './policy-mistakes/all.ts';

refuses(MISTAKES);

test('all problems are reported at once, in the order of the text, whatever their kind', () => {
  const text = FULL_POLICY.replace('RestartPolicy', 'Policy')
    .replace('Europe/Berlin', 'Berlin')
    .replace('lasts: 4h', 'lasts: 25h, until: 1')
    .replace('lasts: 3d', 'lasts: 3')
    .replace('2027-01-06', '2026-01-06')
    .replace('"*-legacy"', '"team-*", "*_"')
    .replace('tier in (web, api)', 'tier in (web')
    .replace('7d', '!!str 7d')
    .replace('istio-proxy', 'Istio')
    .replace('downtime: skip', 'downtime: no')
    .replace('soak: 30s', 'soak: 11m')
    .replace('undo: false', 'undo: &undo true')
    .replace('20h', '*undo');
  assert.deepEqual(problemsOf(text).map(formatProblem), [
    '2:7 kind: expected RestartPolicy, found "Policy"',
    '4:13 windows.timeZone: expected a time zone by its IANA name, such as Europe/Berlin or UTC, found "Berlin"',
    '6:56 windows.allow[0].lasts: expected at most 1d, the shortest time between two openings of 0 1 * * 1-5, found "25h"',
    '6:61 windows.allow[0].until: expected one of the keys lasts, name, opens, found "until"',
    '8:54 windows.deny[0].lasts: expected a duration from 1s to 366d, such as 90s, 15m, 1h30m or 7d, found 3',
    '9:57 windows.deny[1].until: expected a date or date-time after from, found "2026-01-06"',
    '11:58 select.namespaces.exclude[1]: expected a Namespace name in which * stands for any text, such as team-*, found "*_"',
    '12:25 select.workloads.labels: expected a label selector such as "app=web,tier in (a, b),!legacy": it ends where ")" should be, found "tier in (web"',
    '15:25 stale[0].podOlderThan: expected a value without a tag, found "!!str"',
    '16:16 stale[1].container: expected the name of a container, such as istio-proxy, found "Istio"',
    '25:27 availability.downtime: expected skip or allow, found "no"',
    '31:3 rollout: expected a timeout (10m) longer than the soak (11m), found {"timeout":"10m","soak":"11m"}',
    '37:15 onFailure.retryAfter: expected the value itself, for aliases are not supported, found "*undo"',
  ]);
});
