import { expect, type Locator, type Page } from '@playwright/test';
import type { LabServer } from './lab-server';

export type Theme = 'JupyterLab Light' | 'JupyterLab Dark';

export interface Message {
  id: string;
  role: 'user' | 'assistant';
  status: string;
  parts: { type: string; text: string }[];
}

interface Notebook {
  sessionContext: { ready: Promise<void>; session: { kernel: { info: Promise<unknown> } } };
}

interface JupyterApp {
  shell: { currentWidget: Notebook };
  restored: Promise<void>;
  commands: { execute(command: string, args?: object): Promise<unknown> };
}

/** The chat in a JupyterLab page, as a person uses it. */
export class Panel {
  readonly root: Locator;
  readonly box: Locator;
  readonly log: Locator;
  readonly answers: Locator;
  readonly questions: Locator;
  readonly stop: Locator;

  constructor(
    readonly page: Page,
    readonly lab: LabServer
  ) {
    this.root = page.locator('#jupyter-aichat-panel .aichat');
    this.box = this.root.getByRole('textbox', { name: 'Message', exact: true });
    this.log = this.root.getByRole('log');
    this.answers = this.root.locator('.aichat-assistant');
    this.questions = this.root.locator('.aichat-user');
    this.stop = this.root.getByRole('button', { name: 'Stop' });
  }

  /** Opens JupyterLab with the chat in its side bar. */
  async open(path = 'lab'): Promise<void> {
    await this.page.goto(`${this.lab.url}/${path}?token=${this.lab.token}&reset`);
    await this.started();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.started();
  }

  /** Waits for the end of JupyterLab's start, which is when its launcher takes the keyboard. */
  async started(): Promise<void> {
    await this.page.waitForFunction(() => document.activeElement?.classList.contains('jp-Launcher'));
    await this.show();
  }

  async show(): Promise<void> {
    await this.page.waitForFunction('window.jupyterapp');
    await this.page.evaluate(() => (window as unknown as { jupyterapp: JupyterApp }).jupyterapp.restored);
    await this.command('jupyter-aichat:open');
    await expect(this.box).toBeFocused();
  }

  /** Runs a command of JupyterLab. */
  async command(command: string, args: object = {}): Promise<void> {
    await this.page.evaluate(
      ([id, given]) =>
        (window as unknown as { jupyterapp: JupyterApp }).jupyterapp.commands.execute(id, given).then(() => undefined),
      [command, args] as const
    );
  }

  /** Opens a new notebook; returns when its kernel answers, since a cell that is run before is not run at all. */
  async notebook(): Promise<void> {
    await this.command('notebook:create-new', { kernelName: 'python3' });
    await expect(this.page.locator('.jp-Notebook .jp-Cell')).toHaveCount(1);
    await this.page.evaluate(async () => {
      const { sessionContext } = (window as unknown as { jupyterapp: JupyterApp }).jupyterapp.shell.currentWidget;
      await sessionContext.ready;
      await sessionContext.session.kernel.info;
    });
  }

  theme = (theme: Theme): Promise<void> => this.command('apputils:change-theme', { theme });

  async choose(model: string): Promise<void> {
    await this.root.getByRole('button', { name: /^Model: / }).click();
    await this.root.getByRole('menuitemradio', { name: new RegExp(`^${model}(?![-\\w])`) }).click();
    await expect(this.root.getByRole('button', { name: `Model: ${model}` })).toBeVisible();
  }

  /** Sends a question, to another model if one is named, and returns its answer. */
  async ask(text: string, model?: string): Promise<Locator> {
    if (model) {
      await this.choose(model);
    }
    const before = await this.answers.count();
    await this.box.fill(text);
    await this.box.press('Enter');
    await expect(this.answers).toHaveCount(before + 1);
    return this.answers.nth(before);
  }

  /** Waits until an answer has come to its end. */
  async ended(answer: Locator, timeout = 30_000): Promise<void> {
    await expect(answer).toHaveAttribute('aria-busy', 'false', { timeout });
  }

  /** An answer as Copy gives it. */
  async textOf(answer: Locator): Promise<string> {
    await answer.hover();
    await answer.locator('.aichat-actions [data-action="copy"]').click();
    await expect(answer.locator('.aichat-actions').getByRole('button', { name: 'Copied' })).toBeVisible();
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  async newChat(): Promise<void> {
    await this.root.locator('.aichat-header').getByRole('button', { name: 'New chat' }).last().click();
    await expect(this.answers).toHaveCount(0);
    await expect(this.box).toBeFocused();
  }

  /** Opens the list of chats and returns the entry with this title. */
  async inList(title: string): Promise<Locator> {
    const list = this.root.getByRole('navigation', { name: 'Chats' });
    if (!(await list.isVisible())) {
      await this.root.getByRole('button', { name: 'Chats', exact: true }).click();
    }
    const item = list.getByRole('listitem').filter({ hasText: title });
    await expect(item).toBeVisible();
    return item;
  }

  /** The open chat's messages as the server has them, newest first. */
  async messages(): Promise<Message[]> {
    const id = await this.chatId();
    const chat = await this.lab.api<{ active_leaf: string }>('GET', `chats/${id}`);
    const page = await this.lab.api<{ items: Message[] }>('GET', `chats/${id}/messages?leaf=${chat.active_leaf}`);
    return page.items;
  }

  /** Shuts JupyterLab's own dialog on a lost connection, which covers the page. */
  async dismiss(): Promise<void> {
    const dialog = this.page.locator('.jp-Dialog');
    await dialog.waitFor({ timeout: 10_000 }).catch(() => undefined);
    if (await dialog.isVisible()) {
      await dialog.getByRole('button', { name: 'Close' }).click();
      await dialog.waitFor({ state: 'hidden' });
    }
  }

  /** The same chat in another tab of the same browser. */
  async another(): Promise<Panel> {
    const other = new Panel(await this.page.context().newPage(), this.lab);
    await other.open();
    return other;
  }

  /** Makes the side bar as wide as asked (px), by its handle. */
  async resize(width: number): Promise<void> {
    const handle = this.page.locator('#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)').last();
    const at = (await handle.boundingBox())!;
    const now = (await this.root.boundingBox())!;
    const y = at.y + at.height / 2;
    await this.page.mouse.move(at.x + at.width / 2, y);
    await this.page.mouse.down();
    await this.page.mouse.move(at.x + at.width / 2 + now.width - width, y, { steps: 4 });
    await this.page.mouse.up();
  }

  /** Id of the open chat, as the tab remembers it. */
  chatId = (): Promise<string> =>
    this.page.evaluate(() => {
      const key = Object.keys(sessionStorage).find(each => each.startsWith('jupyter_aichat:open:'));
      return (key && sessionStorage.getItem(key)) || '';
    });
}
