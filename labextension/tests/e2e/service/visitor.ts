import { expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import type { ServiceServer } from './service-server';

/** Somebody with the service's page in a browser of the own. */
export class Visitor {
  readonly root: Locator;
  readonly box: Locator;
  readonly answers: Locator;
  readonly list: Locator;

  constructor(
    readonly page: Page,
    readonly service: ServiceServer,
    readonly name: string,
    readonly password: string
  ) {
    this.root = page.locator('.aichat[data-host="page"]');
    this.box = this.root.getByRole('textbox', { name: 'Message', exact: true });
    this.answers = this.root.locator('.aichat-assistant');
    this.list = this.root.getByRole('navigation', { name: 'Chats' });
  }

  get context(): BrowserContext {
    return this.page.context();
  }

  /** Begins a session as the login form does, without typing. */
  async enter(): Promise<void> {
    const answer = await this.context.request.post(`${this.service.url}api/aichat/v1/auth/login`, {
      data: { username: this.name, password: this.password, cookie: true }
    });
    expect(answer.status()).toBe(200);
  }

  async go(address = ''): Promise<void> {
    await this.page.goto(this.service.url + address);
  }

  async type(password = this.password): Promise<void> {
    await this.page.getByLabel('User name').fill(this.name);
    await this.page.getByLabel('Password', { exact: true }).fill(password);
    await this.page.keyboard.press('Enter');
  }

  /** Sends a question and returns its answer. */
  async ask(text: string, model?: string): Promise<Locator> {
    if (model) {
      await this.root.getByRole('button', { name: /^Model: / }).click();
      await this.root.getByRole('menuitemradio', { name: new RegExp(`^${model}(?![-\\w])`) }).click();
    }
    const before = await this.answers.count();
    await this.box.fill(text);
    await this.box.press('Enter');
    await expect(this.answers).toHaveCount(before + 1);
    return this.answers.nth(before);
  }

  ended = (answer: Locator): Promise<void> => expect(answer).toHaveAttribute('aria-busy', 'false', { timeout: 20_000 });

  async menu(item: string): Promise<void> {
    await this.page.getByRole('button', { name: /^Account of/ }).click();
    await this.page.getByRole('menuitem', { name: item }).click();
  }

  /** The login, and why one sees it. */
  async isOut(why: RegExp, timeout?: number): Promise<void> {
    await expect(this.page.getByRole('heading', { name: 'Log in' })).toBeVisible({ timeout });
    await expect(this.page.getByRole('status')).toContainText(why);
  }
}
