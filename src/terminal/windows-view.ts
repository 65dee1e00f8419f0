import { formatDuration } from '../domain/duration.ts';
import { formatInstant } from '../domain/instant.ts';
import type { Windows } from '../domain/policy.ts';
import { summarizeWindow } from '../domain/report.ts';
import { openingsBetween, windowAt, type Opening } from '../domain/window.ts';
import { table } from './table.ts';

const HORIZON = 14 * 86_400_000;
/** Openings that join for a year have no end that anybody waits for. */
const ENDLESS = 365 * 86_400_000;

/** The openings of the next two weeks for people, in local times of the policy's zone. */
export function windowsText(windows: Windows, now: number): string {
  const openings = upcoming(windows, now);
  if (openings.length === 0) return 'No window opens in the next two weeks.';
  const local = new Intl.DateTimeFormat('sv-SE', {
    timeZone: windows.timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  const weekday = new Intl.DateTimeFormat('en', { timeZone: windows.timeZone, weekday: 'short' });
  const time = (instant: number): string => `${weekday.format(instant)} ${local.format(instant)}`;
  const rows = openings.map(opening => [
    time(opening.opensAt),
    ...(isEndless(opening)
      ? ['never', '']
      : [time(opening.closesAt), formatDuration(Math.round((opening.closesAt - opening.opensAt) / 1000) * 1000)]),
    opening.name,
    opening.kind === 'open' ? (opening.opensAt <= now ? 'open now' : '') : `denied by ${opening.denyName}`,
  ]);
  return table([`OPENS (${windows.timeZone})`, 'CLOSES', 'LASTS', 'WINDOW', ''], rows);
}

/** The same for machines; an end that is nowhere in sight is null. */
export function windowsJson(windows: Windows, now: number): unknown {
  const openings = upcoming(windows, now).map(opening => ({
    ...opening,
    opensAt: formatInstant(opening.opensAt),
    closesAt: isEndless(opening) ? null : formatInstant(opening.closesAt),
  }));
  return { version: 1, now: summarizeWindow(windowAt(windows, now)), upcoming: openings };
}

function upcoming(windows: Windows, now: number): Opening[] {
  return [...openingsBetween(windows, { from: now, to: now + HORIZON })];
}

const isEndless = ({ opensAt, closesAt }: Opening): boolean => closesAt - opensAt >= ENDLESS;
