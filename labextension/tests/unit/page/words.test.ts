import { describe, expect, test } from 'vitest';
import { isLongEnough, problemOf } from '../../../src/page/parts/password';
import { agentName, keeping, lasting, sentenceOf, share } from '../../../src/page/parts/words';
import { ApiError } from '../../../src/ui/client/errors';
import { makeTrans } from '../../../src/ui/i18n';

const trans = makeTrans();

test.each([
  [1, '1 second'],
  [89.2, '90 seconds'],
  [90, '2 minutes'],
  [3600, '60 minutes'],
  [86_400, '24 hours']
])('%d s is %s', (seconds, words) => expect(lasting(seconds, trans)).toBe(words));

test.each([
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36',
    'Chrome on Linux'
  ],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0', 'Edge on Windows'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604.1', 'Safari on iOS'],
  ['Mozilla/5.0 (Android 15; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0', 'Firefox on Android'],
  ['python-httpx/0.28', 'python-httpx/0.28'],
  ['', 'Unknown program']
])('%s is %s', (agent, name) => expect(agentName(agent, trans)).toBe(name));

describe('an error says what to do', () => {
  test('when the service does not answer', () =>
    expect(sentenceOf(new ApiError('network', 'Failed to fetch'), trans)).toMatch(/connection/));
  test('when one has to wait, for how long', () =>
    expect(sentenceOf(new ApiError('rate_limited', 'x', { retry_after: 60 }, 429), trans)).toContain('60 seconds'));
  test('in the words of the service', () =>
    expect(sentenceOf(new ApiError('name_taken', 'This user name is taken; choose another.'), trans)).toMatch(/taken/));
});

test('a password is measured as the service measures it', () => {
  expect(problemOf('a'.repeat(72), trans)).toBeUndefined();
  expect(problemOf('u\u0308'.repeat(36), trans)).toBeUndefined(); // one letter when composed: two bytes
  expect(problemOf('ü'.repeat(37), trans)).toContain('74');
  expect(isLongEnough('1234567')).toBe(false);
  expect(isLongEnough('😀'.repeat(8))).toBe(true);
});

test.each([
  [1, 'A chat that you do not change for 1 day is deleted.'],
  [30, 'A chat that you do not change for 30 days is deleted.'],
  [null, null],
  [undefined, null]
])('of chats that are kept for %s days it says so', (days, words) => expect(keeping(days, trans)).toBe(words));

test('a share of nothing is all of it', () => expect([share(0, 0), share(5, 10), share(9, 3)]).toEqual([1, 0.5, 1]));
