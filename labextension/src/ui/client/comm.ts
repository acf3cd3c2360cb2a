import type { ClientFrame, ServerFrame } from '../protocol.generated';
import { ApiError, isErrorBody } from './errors';
import type { Connection, Handlers, Method, Transport } from './transport';

/** The part of an anywidget model that carries messages. */
export interface CommModel {
  on(event: 'msg:custom', handler: (message: unknown) => void): void;
  off(event: 'msg:custom', handler: (message: unknown) => void): void;
  send(message: unknown): void;
}

interface ResponseMessage {
  type: 'response';
  id: number;
  status: number;
  body: unknown;
}

/** The kernel has lost the server: come back, as after a socket's close. */
interface ClosedMessage {
  type: 'closed';
}

type Message = ServerFrame | ResponseMessage | ClosedMessage;
type Id = ClientFrame['id'];

const TIMEOUT_MS = 30_000;
const OPEN_MS = 5_000;
const HELLO = 'hello';

/**
 * Frames and requests over a kernel's comm: one message is one frame, both ways.
 *
 * All views of a widget hear all messages. So ids go out as numbers that no other view has, and answers to a number that
 * is not ours are left to the others; what a view follows, the others may hear too.
 */
export class CommTransport implements Transport {
  private readonly requests = new Map<number, (response: ResponseMessage) => void>();
  private readonly frames = new Map<number, Id>();
  private handlers: Handlers | null = null;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private opened = false;
  private count = Math.floor(Math.random() * 2 ** 51);

  constructor(private readonly model: CommModel) {
    model.on('msg:custom', this.take);
  }

  dispose(): void {
    clearTimeout(this.opening);
    this.model.off('msg:custom', this.take);
    this.handlers = null;
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.requests.delete(id);
        reject(new ApiError('network', 'The kernel does not answer.'));
      }, TIMEOUT_MS);
      this.requests.set(id, ({ status, body: value }) => {
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
    clearTimeout(this.opening);
    this.handlers = handlers;
    this.opened = false;
    this.frames.clear();
    this.opening = setTimeout(this.lost, OPEN_MS);
    this.send({ type: 'ping', id: HELLO });
    return {
      via: 'comm',
      send: this.send,
      close: () => {
        if (this.handlers === handlers) {
          clearTimeout(this.opening);
          this.handlers = null;
        }
      }
    };
  }

  private readonly send = (frame: ClientFrame): void => {
    if (frame.id === undefined || frame.id === null) {
      this.model.send(frame);
      return;
    }
    const id = ++this.count;
    this.frames.set(id, frame.id);
    this.model.send({ ...frame, id });
  };

  private readonly lost = (): void => {
    const handlers = this.handlers;
    clearTimeout(this.opening);
    this.handlers = null;
    handlers?.onClose({ code: 1006, retry: true });
  };

  private readonly take = (content: unknown): void => {
    if (typeof content !== 'object' || content === null || !('type' in content)) {
      return;
    }
    const message = content as Message;
    if (message.type === 'response') {
      this.requests.get(message.id)?.(message);
      this.requests.delete(message.id);
    } else if (message.type === 'closed') {
      this.lost();
    } else if (message.type === 'ack' || (message.type === 'error' && message.id !== null)) {
      this.answer(message);
    } else {
      this.handlers?.onFrame(message);
    }
  };

  private answer(frame: Extract<ServerFrame, { type: 'ack' | 'error' }>): void {
    const number = Number(frame.id);
    const id = this.frames.get(number);
    if (id === undefined) {
      return; // another view's
    }
    this.frames.delete(number);
    if (id !== HELLO) {
      this.handlers?.onFrame({ ...frame, id });
    } else if (frame.type === 'ack' && !this.opened) {
      this.opened = true;
      clearTimeout(this.opening);
      this.handlers?.onOpen();
    }
  }
}
