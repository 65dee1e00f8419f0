import assert from 'node:assert/strict';
import { type Cron, parseCron } from '../../src/domain/cron.ts';
import { parseDuration } from '../../src/domain/duration.ts';
import { type LocalTime, parseLocalTime } from '../../src/domain/local-time.ts';
import type { DenyWindow, Windows } from '../../src/domain/policy.ts';
import type { WindowState } from '../../src/domain/window.ts';

/** Windows in the words of a policy: `name: cron for duration`, and for a freeze `name: local time until local time`. */
export interface WindowsText {
  readonly timeZone?: string;
  readonly allow: readonly string[];
  readonly deny?: readonly string[];
}

export function someWindows({ timeZone = 'UTC', allow, deny = [] }: WindowsText): Windows {
  return {
    timeZone,
    allow: allow.map(recurring),
    deny: deny.map(text => (text.includes(' until ') ? once(text) : recurring(text))),
  };
}

function recurring(text: string): DenyWindow & { kind: 'recurring' } {
  const [, name = '', cron = '', lasts = ''] = /^(\S+): (.+) for (\S+)$/.exec(text) ?? [];
  return { kind: 'recurring', name, opens: cronOf(cron), lasts: parseDuration(lasts) ?? assert.fail(text) };
}

function once(text: string): DenyWindow & { kind: 'once' } {
  const [, name = '', from = '', until = ''] = /^(\S+): (\S+) until (\S+)$/.exec(text) ?? [];
  return { kind: 'once', name, from: localTimeOf(from), until: localTimeOf(until) };
}

function cronOf(text: string): Cron {
  const cron = parseCron(text);
  return cron.kind === 'cron' ? cron : assert.fail(`${text}: ${cron.problem}`);
}

const localTimeOf = (text: string): LocalTime => parseLocalTime(text) ?? assert.fail(text);

/** `2026-03-29T01:00Z`, with seconds and milliseconds where there are any. */
export function instantText(at: number): string {
  return new Date(at).toISOString().replace(/(:00)?\.000Z$/, 'Z');
}

/** A state in one line, so that tables of them can be read. */
export function stateText(state: WindowState): string {
  if (state.kind === 'open') {
    const { name, opensAt } = state.occurrence;
    return `${name} of ${instantText(opensAt)} until ${instantText(state.closesAt)}`;
  }
  const why = state.why === 'denied' ? `denied by ${state.denyName}` : 'outside';
  return `${why} until ${state.opensAt === undefined ? 'nobody knows' : instantText(state.opensAt)}`;
}
