import { describe, expect, test } from 'vitest';
import { addressOf, placeOf, safeNext, type Place } from '../../../src/page/places';

const ROOT = 'https://chat.example.org/team/';

test.each<[string, Place]>([
  ['', { view: 'chat', chatId: null }],
  ['chats/c-1_2', { view: 'chat', chatId: 'c-1_2' }],
  ['settings/tokens', { view: 'settings', part: 'tokens' }],
  ['admin/audit', { view: 'admin', part: 'audit' }],
  ['shared/abc', { view: 'shared', token: 'abc' }],
  ['login?next=settings%2Ftokens', { view: 'login', next: 'settings/tokens' }],
  ['register', { view: 'register', invitation: '', next: '' }],
  ['register#invitation=aci_x', { view: 'register', invitation: 'aci_x', next: '' }]
])('%s is a place, and the place has that address', (address, place) => {
  expect(placeOf(address)).toEqual(place);
  expect(addressOf(place)).toBe(address);
});

test.each<[string, Place]>([
  ['login/', { view: 'login', next: '' }],
  ['settings', { view: 'settings', part: 'profile' }],
  ['settings/nonsense', { view: 'settings', part: 'profile' }],
  ['admin', { view: 'admin', part: 'users' }],
  ['chats', { view: 'unknown' }],
  ['chats/a/b', { view: 'unknown' }],
  ['chats/a%2f..', { view: 'unknown' }],
  ['chats/.', { view: 'unknown' }],
  ['chats/..', { view: 'unknown' }],
  ['shared/..', { view: 'unknown' }],
  ['chats/...', { view: 'chat', chatId: '...' }],
  ['lab', { view: 'unknown' }]
])('%s is read as what it may mean', (address, place) => expect(placeOf(address)).toEqual(place));

test('an invitation is in the part of the address that is sent to no server', () => {
  const address = addressOf({ view: 'register', invitation: 'secret', next: 'settings/data' });
  expect(new URL(address, ROOT).pathname + new URL(address, ROOT).search).not.toContain('secret');
});

describe('after a login', () => {
  test.each(['chats/c1', 'settings/tokens', 'admin/usage', 'shared/t0k'])('%s is gone to', next =>
    expect(safeNext(next)).toBe(next)
  );

  test.each([
    'https://evil.example',
    'HTTPS:evil.example',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/%2F/evil.example',
    '%2F%2Fevil.example',
    '/\t/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '\u0000//evil.example',
    '/\n/evil.example',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://evil.example/x',
    '../../hub/logout',
    '..%2F..%2Fhub',
    './..//evil.example',
    'chats/../../evil',
    'chats/..',
    'chats/.',
    'chats/https:evil.example',
    'chats//evil.example',
    'chats/c@evil.example',
    'settings//evil.example',
    'shared/x/../../..//evil.example',
    '?next=//evil.example',
    '#//evil.example',
    'login?next=//evil.example',
    'register',
    '@evil.example',
    'http:evil.example',
    '\u2028//evil.example',
    '﹨evil.example',
    '。evil.example',
    null
  ])('%j leads nowhere but to this page', next => {
    const address = safeNext(next);
    const url = new URL(address, ROOT);
    expect(url.origin).toBe('https://chat.example.org');
    expect(url.href.startsWith(ROOT)).toBe(true);
    expect(safeNext(address)).toBe(address);
  });
});
