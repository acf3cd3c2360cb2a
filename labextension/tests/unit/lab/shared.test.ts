import { expect, test } from 'vitest';
import { sharedUrlOf } from '../../../src/lab/shared';

const HERE = 'https://hub.example.org/user/ada/lab';

test.each([
  ['https://chat.example.org/', 'https://chat.example.org/shared/k-1'],
  ['https://chat.example.org/team/', 'https://chat.example.org/team/shared/k-1'],
  ['/services/aichat/', 'https://hub.example.org/services/aichat/shared/k-1']
])('of a service whose page is %s others read a chat on that page', (page, url) => {
  expect(sharedUrlOf(page, HERE)?.('k-1')).toBe(url);
  expect(sharedUrlOf(page, HERE)?.('../admin')).toMatch(/\/shared\/\.\.%2Fadmin$/);
});

test('where chats are kept here they are shared with nobody', () => expect(sharedUrlOf('')).toBeUndefined());
