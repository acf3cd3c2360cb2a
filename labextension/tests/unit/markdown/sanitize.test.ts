import { describe, expect, test } from 'vitest';
import { sanitize } from '../../../src/ui/markdown/sanitize';
import { HTML_PAYLOADS, MARKDOWN_PAYLOADS } from '../../payloads';
import { forbiddenIn } from './forbidden';
import { documentOf, htmlOf } from './rendered';

const short = (payload: string): string => JSON.stringify(payload.slice(0, 90));

test('the corpus is as large as it should be', () => {
  expect(HTML_PAYLOADS.length).toBeGreaterThanOrEqual(60);
  expect(MARKDOWN_PAYLOADS.length).toBeGreaterThanOrEqual(25);
});

describe.each(HTML_PAYLOADS.map(payload => [short(payload), payload]))('HTML %s', (_name, payload) => {
  test('leaves nothing that is not allowed', () => {
    expect(forbiddenIn(sanitize(payload))).toEqual([]);
  });

  test('is not changed by a second pass', () => {
    const once = htmlOf(payload);
    // the addresses that wait for a click are ours, and a second pass takes them
    const expected = once.replace(/ data-aichat-src="[^"]*"/g, '');
    expect(htmlOf(once)).toBe(expected);
  });
});

test.each(MARKDOWN_PAYLOADS.map(payload => [short(payload), payload]))('Markdown %s', (_name, payload) => {
  const root = documentOf(payload);
  expect(forbiddenIn(root)).toEqual([]);
  const html = root.innerHTML.replace(/ data-aichat-src="[^"]*"/g, '');
  expect(htmlOf(html)).toBe(html);
});

test.each([
  ['https://example.org/a?b#c', true],
  ['http://example.org', true],
  ['mailto:a@example.org', true],
  ['HTTPS://EXAMPLE.ORG', true],
  ['ftp://example.org', false],
  ['tel:1', false],
  ['example.org', false],
  ['./x', false],
  ['data:image/png;base64,AAAA', false],
  ['javascript:x', false]
])('a link to %s keeps its address: %s', (href, kept) => {
  const link = sanitize(`<a href="${href}">x</a>`).querySelector('a')!;
  expect(link.hasAttribute('href')).toBe(kept);
  expect(link.getAttribute('target')).toBe(kept ? '_blank' : null);
});

describe('images', () => {
  const image = (src: string, policy = {}): Element => sanitize(`<img src="${src}">`, policy).querySelector('img')!;
  const OWN = 'https://hub.example.org/user/a/api/aichat/v1/files/';

  test('a raster image in the text itself is shown', () => {
    expect(image('data:image/png;base64,AAAA').getAttribute('src')).toBe('data:image/png;base64,AAAA');
  });

  test('a remote one waits for a click', () => {
    expect(image('https://example.org/a.png').getAttribute('src')).toBeNull();
    expect(image('https://example.org/a.png').getAttribute('data-aichat-src')).toBe('https://example.org/a.png');
  });

  test('a policy lets remote ones through, over HTTPS only', () => {
    expect(image('https://example.org/a.png', { remote: true }).getAttribute('src')).toBe('https://example.org/a.png');
    expect(image('http://example.org/a.png', { remote: true }).getAttribute('src')).toBeNull();
  });

  test('our own are those whose address, resolved, has our prefix', () => {
    expect(image(`${OWN}1`, { own: OWN }).getAttribute('src')).toBe(`${OWN}1`);
    expect(image(`${OWN}../../../../../hub/logout`, { own: OWN }).getAttribute('src')).toBeNull();
    expect(image(`${OWN}%2e%2e/%2e%2e/x`, { own: OWN }).getAttribute('src')).toBeNull();
  });

  test('one policy does not reach the next text', () => {
    image('https://example.org/a.png', { remote: true });
    expect(image('https://example.org/a.png').getAttribute('src')).toBeNull();
  });
});

test('classes are those of languages and of formulas', () => {
  expect(htmlOf('<code class="language-c++ jp-x aichat-math lm-y">x</code>')).toBe(
    '<code class="language-c++ aichat-math">x</code>'
  );
});
