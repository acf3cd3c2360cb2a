import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NOWHERE } from '../lab-server';
import { ServiceServer } from './service-server';
import { expect, newPage, test as base } from './test';
import { Visitor } from './visitor';

/** Another origin, which takes assets from a service as a CDN does, and keeps what it was asked for. */
class Cdn {
  readonly asked = new Map<string, number>();
  service = '';
  /** Changes what it passes on. */
  change: (name: string, body: string) => string = (_, body) => body;
  private readonly server: Server = createServer((request, response) => {
    void this.answer(request.url!.slice(1)).then(([status, headers, body]) =>
      response.writeHead(status, headers).end(body)
    );
  });

  async start(): Promise<string> {
    await new Promise<void>(done => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(name: string): Promise<[number, Record<string, string>, string]> {
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    const answer = await fetch(`${this.service}assets/${name}`);
    const headers = Object.fromEntries(
      [...answer.headers].filter(([key]) => !['content-encoding', 'content-length', 'transfer-encoding'].includes(key))
    );
    return [answer.status, headers, this.change(name, await answer.text())];
  }
}

const test = base.extend<object, { cdn: Cdn; far: ServiceServer }>({
  cdn: [
    async ({}, provide) => {
      const cdn = new Cdn();
      await provide(cdn);
      cdn.stop();
    },
    { scope: 'worker' }
  ],
  far: [
    async ({ cdn }, provide) => {
      const service = await ServiceServer.start(NOWHERE, `--AIChatApp.asset_url=${await cdn.start()}`);
      cdn.service = service.url;
      await provide(service);
      await service.stop();
    },
    { scope: 'worker', timeout: 90_000 }
  ]
});

test('the page works with scripts and styles from another origin', async ({ browser, cdn, far, errors }) => {
  const page = await newPage(browser, errors);
  const own: string[] = [];
  page.on('request', request => {
    if (request.url().includes('/assets/') && request.url().startsWith(far.url)) {
      own.push(request.url());
    }
  });
  const eve = new Visitor(page, far, 'Eve', 'a sentence is a good one');
  await eve.go('register');
  await eve.type();
  await expect(eve.box).toBeFocused();
  await eve.ended(await eve.ask('$x^2$ and `code`', 'echo'));
  await expect(eve.answers.first().locator('math')).toBeAttached(); // a chunk of its own
  await eve.menu('Settings'); // and another
  await expect(page.getByRole('link', { name: 'Tokens' })).toBeVisible();
  expect(own).toEqual([]);
  expect([...cdn.asked.keys()].some(name => name.startsWith('Settings-'))).toBe(true);
  await eve.context.close();
});

for (const kind of ['page', 'chunk', 'Settings']) {
  test(`what the other origin has changed does not run: ${kind}`, async ({ browser, cdn, far }) => {
    cdn.change = (name, body) =>
      name.startsWith(`${kind}-`) && name.endsWith('.js') ? `window.stolen=1;${body}` : body;
    const refused: string[] = [];
    const page = await newPage(browser, []);
    page.on('console', message => refused.push(message.text()));
    const visitor = new Visitor(page, far, far.admin.name, far.admin.password);
    await page.goto(`${far.url}login`);
    if (kind === 'Settings') {
      await visitor.type();
      await expect(visitor.box).toBeFocused();
      await page.goto(`${far.url}settings`);
    }
    await expect.poll(() => refused.join('\n')).toContain('integrity');
    expect(await page.evaluate(() => 'stolen' in window)).toBe(false);
    cdn.change = (_, body) => body;
    await visitor.context.close();
  });
}
