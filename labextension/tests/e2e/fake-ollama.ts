import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FakeModel {
  name: string;
  /** What it answers, by the last question. */
  answer: (question: string) => string;
  thinking?: string;
  /** Characters of a chunk, and the pause between two (ms). */
  chunk?: number;
  pause?: number;
  /** Tokens of its window; `prompt` is what it says the question took. */
  window?: number;
  prompt?: number;
}

/** An Ollama that says what a test wants, on a port of its own or on a given one. */
export class FakeOllama {
  private server: Server | undefined;
  private port = 0;

  constructor(readonly models: FakeModel[]) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(port = this.port): Promise<void> {
    const server = createServer((request, answer) => void this.handle(request, answer));
    await new Promise<void>((done, failed) => {
      server.once('error', failed);
      server.listen(port, '127.0.0.1', done);
    });
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Ends it and what is under way; the address is kept for the next start. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    await new Promise<void>(done => {
      if (!server) {
        return done();
      }
      server.close(() => done());
      server.closeAllConnections();
    });
  }

  private async handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    switch (request.url) {
      case '/api/version':
        return json(answer, { version: '0.17.4' });
      case '/api/tags':
        return json(answer, { models: this.models.map(({ name }) => tag(name)) });
      case '/api/ps':
        return json(answer, { models: this.models.slice(0, 1).map(({ name }) => ({ name, model: name })) });
      case '/api/show':
        return json(answer, facts(this.find(body.model ?? '')));
      case '/api/chat':
        return this.chat(answer, this.find(body.model ?? ''), body.messages?.at(-1)?.content ?? '');
      default:
        answer.writeHead(404).end('{"error": "not found"}');
    }
  }

  private find = (name: string): FakeModel => this.models.find(each => each.name === name) ?? this.models[0];

  private async chat(answer: ServerResponse, model: FakeModel, question: string): Promise<void> {
    const { chunk = 12, pause = 5, thinking = '' } = model;
    const text = model.answer(question);
    const line = (content: object): boolean => answer.write(`${JSON.stringify({ model: model.name, ...content })}\n`);
    answer.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    let due = performance.now();
    const next = (): Promise<void> => sleep(Math.max(0, (due += pause) - performance.now()));
    for (const piece of pieces(thinking, chunk)) {
      line({ message: { role: 'assistant', content: '', thinking: piece }, done: false });
      await next();
    }
    for (const piece of pieces(text, chunk)) {
      line({ message: { role: 'assistant', content: piece }, done: false });
      await next();
    }
    const tokens = Math.ceil(text.length / 4);
    const counts = { prompt_eval_count: model.prompt ?? Math.ceil(question.length / 4) + 12, eval_count: tokens };
    const message = { role: 'assistant', content: '' };
    line({ message, done: true, done_reason: 'stop', total_duration: 4.2e9, eval_duration: 3.9e9, ...counts });
    answer.end();
  }
}

const tag = (name: string): object => ({
  name,
  model: name,
  size: 2_019_393_189,
  digest: `sha256:${name}`,
  details: { family: 'llama', parameter_size: '3.2B', quantization_level: 'Q4_K_M' }
});

const facts = ({ thinking, window = 131_072 }: FakeModel): object => ({
  capabilities: ['completion', ...(thinking ? ['thinking'] : [])],
  details: { family: 'llama' },
  model_info: { 'general.architecture': 'llama', 'llama.context_length': window },
  template: '{{ .Prompt }}'
});

const pieces = (text: string, size: number): string[] => text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];

function json(answer: ServerResponse, value: object): void {
  answer.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

interface Body {
  model?: string;
  messages?: { content: string }[];
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  let text = '';
  for await (const piece of request) {
    text += String(piece);
  }
  return text ? (JSON.parse(text) as Body) : {};
}
