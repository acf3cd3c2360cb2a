import type { AckFrame, ClientFrame, Run, SentReply } from '../protocol.generated';
import type { Rest } from './rest';

type Sending = Extract<ClientFrame, { type: 'send' | 'edit' | 'regenerate' | 'continue' }>;

/** Carries out client frames over REST. It outlives connections: a repeated send begins no second chat. */
export class OverRest {
  private readonly begun = new Map<string, Promise<string>>();

  constructor(private readonly rest: Rest) {}

  /** Returns what the ack holds; rejects with `ApiError`. */
  async stop(runId: string): Promise<Partial<AckFrame>> {
    const { run } = (await this.rest.request('DELETE', `runs/${runId}`)) as { run: Run };
    return { run };
  }

  async send(frame: Sending): Promise<SentReply & { chat_id: string }> {
    const { type, id: _id, chat_id: given, ...rest } = frame;
    const chatId = given || (await this.begin(frame));
    const { message_id: messageId, ...body } = rest as typeof rest & { message_id?: string };
    const path = type === 'send' ? `chats/${chatId}/messages` : `chats/${chatId}/messages/${messageId}/${type}`;
    return { chat_id: chatId, ...((await this.rest.request('POST', path, body)) as SentReply) };
  }

  /** The chat that a first message begins, the same one however often that message is sent. */
  private begin(frame: Sending): Promise<string> {
    const key = frame.idempotency_key ?? '';
    const known = key && this.begun.get(key);
    if (known) {
      return known;
    }
    const chat = this.rest
      .request('POST', 'chats', { model: frame.model ?? null })
      .then(answer => (answer as { id: string }).id);
    this.begun.set(key, chat);
    chat.catch(() => this.begun.delete(key));
    return chat;
  }
}
