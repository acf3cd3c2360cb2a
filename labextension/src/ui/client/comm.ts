import type { ServerFrame } from '../protocol.generated';
import { ApiError, isErrorBody } from './errors';
import type { Connection, Handlers, Method, Transport } from './transport';

/** The part of an anywidget model that carries messages. */
export interface CommModel {
  on(event: 'msg:custom', handler: (message: unknown) => void): void;
  off(event: 'msg:custom', handler: (message: unknown) => void): void;
  send(message: unknown): void;
}

interface ResponseFrame {
  type: 'response';
  id: string;
  status: number;
  body: unknown;
}

const TIMEOUT_MS = 30_000;

/** Frames and requests over a kernel's comm: one message is one frame, both ways. */
export class CommTransport implements Transport {
  private readonly waiting = new Map<string, (response: ResponseFrame) => void>();
  private handlers: Handlers | null = null;
  private count = 0;

  constructor(private readonly model: CommModel) {
    model.on('msg:custom', this.take);
  }

  dispose(): void {
    this.model.off('msg:custom', this.take);
    this.handlers = null;
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    const id = `r${++this.count}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new ApiError('network', 'The kernel does not answer.'));
      }, TIMEOUT_MS);
      this.waiting.set(id, ({ status, body: value }) => {
        clearTimeout(timer);
        if (status < 400) {
          resolve(value ?? undefined);
        } else if (isErrorBody(value)) {
          reject(new ApiError(value.code, value.message, value.details, status));
        } else {
          reject(new ApiError('bad_upstream', `HTTP ${status}`, {}, status));
        }
      });
      this.model.send({ type: 'request', id, method, path, ...(body === undefined ? {} : { body }) });
    });
  }

  /** What was sent before this view was there is lost, so the connection asks who is there. */
  open(handlers: Handlers): Connection {
    this.handlers = handlers;
    let opened = false;
    const timer = setTimeout(() => {
      if (!opened && this.handlers === handlers) {
        this.handlers = null;
        handlers.onClose({ code: 1006, retry: true });
      }
    }, 5000);
    this.onHello = () => {
      if (!opened) {
        opened = true;
        clearTimeout(timer);
        handlers.onOpen();
      }
    };
    this.model.send({ type: 'ping', id: 'hello' });
    return {
      via: 'comm',
      send: frame => this.model.send(frame),
      close: () => {
        clearTimeout(timer);
        this.handlers = null;
      }
    };
  }

  private onHello: () => void = () => {};

  private take = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('type' in message)) {
      return;
    }
    if (message.type === 'response') {
      const response = message as ResponseFrame;
      this.waiting.get(response.id)?.(response);
      this.waiting.delete(response.id);
      return;
    }
    this.onHello();
    this.handlers?.onFrame(message as ServerFrame);
  };
}
