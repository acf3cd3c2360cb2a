import { test as base, type Browser, type Page } from '@playwright/test';
import { ServiceServer } from './service-server';
import { Visitor } from './visitor';

const PASSWORD = 'correct horse battery';

interface Fixtures {
  /** Gives somebody an account, a browser and a session. */
  visit(name: string, roles?: string[]): Promise<Visitor>;
  ada: Visitor;
  /** What pages say on errors and refusals of the policy; there must be nothing in the end. */
  errors: string[];
}

let people = 0;

/** One service for the tests of a worker. */
export const test = base.extend<Fixtures, { service: ServiceServer }>({
  service: [
    async ({}, provide) => {
      const service = await ServiceServer.start();
      await provide(service);
      await service.stop();
    },
    { scope: 'worker', timeout: 90_000 }
  ],
  errors: async ({}, provide) => {
    const errors: string[] = [];
    await provide(errors);
    base.expect(errors, 'errors in the page').toEqual([]);
  },
  visit: async ({ browser, service, errors }, provide) => {
    const opened: Visitor[] = [];
    await provide(async (name, roles = ['user']) => {
      const unique = `${name}-${++people}`;
      await service.asAdmin('POST', 'admin/users', { username: unique, password: PASSWORD, display_name: name, roles });
      const visitor = new Visitor(await newPage(browser, errors), service, unique, PASSWORD);
      opened.push(visitor);
      await visitor.enter();
      return visitor;
    });
    await Promise.all(opened.map(visitor => visitor.context.close()));
  },
  ada: async ({ visit }, provide) => {
    const ada = await visit('Ada');
    await ada.go();
    await base.expect(ada.box).toBeVisible();
    await provide(ada);
  }
});

/** A page of a browser that nobody has used, which tells its errors. */
export async function newPage(browser: Browser, errors: string[]): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  context.on('page', page => watch(page, errors));
  return context.newPage();
}

function watch(page: Page, errors: string[]): void {
  page.on('pageerror', error => errors.push(String(error)));
  page.on('console', message => {
    if (/Content Security Policy|Trusted/i.test(message.text())) {
      errors.push(message.text());
    }
  });
}

export { expect } from '@playwright/test';
