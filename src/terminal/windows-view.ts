import { formatDuration } from '../domain/duration.ts';
import type { Windows } from '../domain/policy.ts';
import { openingsBetween, type Opening } from '../domain/window.ts';
import { table } from './table.ts';

const HORIZON = 14 * 86_400_000;
/** Openings that join for a year have no end that anybody waits for. */
const ENDLESS = 365 * 86_400_000;

/** The openings of the next two weeks. */
export function upcoming(windows: Windows, now: number): Opening[] {
  return [...openingsBetween(windows, { from: now, to: now + HORIZON })];
}

/** Local times of the policy's zone, with the offset where it changes. */
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
    ...(opening.closesAt - opening.opensAt < ENDLESS
      ? [time(opening.closesAt), formatDuration(Math.round((opening.closesAt - opening.opensAt) / 1000) * 1000)]
      : ['never', '']),
    opening.name,
    opening.kind === 'open' ? (opening.opensAt <= now ? 'open now' : '') : `denied by ${opening.denyName}`,
  ]);
  return table([`OPENS (${windows.timeZone})`, 'CLOSES', 'LASTS', 'WINDOW', ''], rows);
}
