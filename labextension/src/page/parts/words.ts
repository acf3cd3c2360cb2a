import type { ApiError } from '../../ui/client/errors';
import type { Trans } from '../../ui/i18n';

/** What to say of an error: what happened, and what to do. */
export function sentenceOf(error: ApiError, trans: Trans): string {
  const wait = Number(error.details.retry_after);
  switch (error.code) {
    case 'network':
      return trans.__('The service does not answer. Look at your connection, then try again.');
    case 'bad_upstream':
    case 'internal':
      return trans.__('The service could not do this. Try again; if it happens again, tell an administrator.');
    case 'rate_limited':
      return wait > 0 ? trans.__('Too many tries. Try again in %1.', lasting(wait, trans)) : error.message;
    default:
      return error.message;
  }
}

/** Seconds in words. */
export function lasting(seconds: number, trans: Trans): string {
  const minutes = Math.ceil(seconds / 60);
  return seconds < 90
    ? trans._n('%1 second', '%1 seconds', Math.ceil(seconds))
    : minutes < 90
      ? trans._n('%1 minute', '%1 minutes', minutes)
      : trans._n('%1 hour', '%1 hours', Math.ceil(minutes / 60));
}

/** For how long the service keeps chats that nobody changes; nothing where that is for ever, or where an older service does not say. */
export function keeping(days: number | null | undefined, trans: Trans): string | null {
  return days
    ? trans._n(
        'A chat that you do not change for %1 day is deleted.',
        'A chat that you do not change for %1 days is deleted.',
        days
      )
    : null;
}

/** A day and an hour as the browser's language writes them. */
export const moment = (time: string): string =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const day = (time: string): string => new Date(time).toLocaleDateString(undefined, { dateStyle: 'medium' });

/** A number as the browser's language writes it. */
export const amount = (value: number): string => value.toLocaleString();

/** How much of a whole, from 0 to 1; of nothing it is all. */
export const share = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 1);

/** What a browser calls itself, in two words: `Firefox on Linux`. */
export function agentName(agent: string, trans: Trans): string {
  const browser = BROWSERS.find(([, pattern]) => pattern.test(agent))?.[0];
  const system = SYSTEMS.find(([, pattern]) => pattern.test(agent))?.[0];
  if (browser && system) {
    return trans.__('%1 on %2', browser, system);
  }
  return browser ?? (agent.slice(0, 60) || trans.__('Unknown program'));
}

const BROWSERS = [
  ['Edge', /Edg\//],
  ['Firefox', /Firefox\//],
  ['Chrome', /(?:Headless)?Chrome\//],
  ['Safari', /Safari\//]
] as const;

const SYSTEMS = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux/]
] as const;
