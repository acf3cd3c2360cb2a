import { vi } from 'vitest';
import { ChatModel, type ChatModelOptions } from '../../../src/ui/state/model';
import { textOf, type MessageView } from '../../../src/ui/state/message-view';
import type { FakeServer } from './server';

/** A person before a chat: what is shown, in short words. */
export class Person {
  readonly model: ChatModel;

  constructor(server: FakeServer, options: ChatModelOptions = {}) {
    this.model = new ChatModel(server.transport(), options);
    this.model.start();
  }

  get chatId(): string | null {
    return this.model.current.get().chatId;
  }

  get views(): MessageView[] {
    return this.model.current.get().path.map(id => this.model.message(id).get()!);
  }

  /** The shown branch: `role status: text` for each message. */
  get sees(): string[] {
    return this.views.map(view => `${view.role} ${view.status}: ${textOf(view)}`);
  }

  get last(): MessageView {
    return this.views.at(-1)!;
  }

  leave(): void {
    this.model.dispose();
  }
}

/** Lets everything happen that happens within so many milliseconds, on the fake clock. */
export const pass = (ms = 100): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
