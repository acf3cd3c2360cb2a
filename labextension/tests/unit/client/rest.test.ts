import { expect, test } from 'vitest';
import { Rest } from '../../../src/ui/client/rest';
import { FakeHttp, failure } from '../fakes/http';

const http = new FakeHttp();
const rest = new Rest({
  url: 'https://jupyter.example.org/api/aichat/v1',
  headers: () => ({ 'X-XSRFToken': 'x' }),
  fetch: http.fetch
});

test('an answer is its JSON, nothing for 204', async () => {
  http.on('GET me', { name: 'a' }).on('DELETE chats/c', () => new Response(null, { status: 204 }));
  await expect(rest.request('GET', 'me')).resolves.toEqual({ name: 'a' });
  await expect(rest.request('DELETE', 'chats/c')).resolves.toBeUndefined();
});

test('a body is JSON, with the credentials of the host', async () => {
  let sent: RequestInit = {};
  http.on('POST chats', (_path: string, init: RequestInit) => {
    sent = init;
    return Response.json({ id: 'c' });
  });
  await rest.request('POST', 'chats', { title: 'ü' });
  expect(sent.body).toBe('{"title":"ü"}');
  expect(sent.headers).toEqual({ 'X-XSRFToken': 'x', 'Content-Type': 'application/json' });
  expect(sent.credentials).toBe('same-origin');
});

test.each([
  ['what the server refused', () => failure('not_found', 404, 'No such chat.'), 'not_found', 404],
  ['the page of a proxy', () => new Response('<html>', { status: 502 }), 'bad_upstream', 502],
  ['a login page in the place of an answer', () => new Response('<html>'), 'bad_upstream', 200],
  ['JSON that is no error of ours', () => Response.json({ message: 'x' }, { status: 500 }), 'bad_upstream', 500],
  ['nobody there', () => Promise.reject(new TypeError('Failed to fetch')), 'network', 0]
])('%s is told as it is', async (_name, answer, code, status) => {
  http.on('GET me', answer);
  await expect(rest.request('GET', 'me')).rejects.toMatchObject({ code, status });
});

test('an answer that breaks off is no answer', async () => {
  const broken = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"items": ['));
      controller.error(new TypeError('network error'));
    }
  });
  http.on('GET me', () => new Response(broken));
  await expect(rest.request('GET', 'me')).rejects.toMatchObject({ code: 'network' });
});
