import { Rest, type RestOptions } from './rest';
import { openEvents } from './sse';
import { openSocket, type MakeSocket } from './socket';
import type { Connection, Handlers, Method, Transport } from './transport';

export interface HttpOptions extends RestOptions {
  /** The socket's URL, credentials included: asked anew at each attempt. */
  socketUrl(): string;
  makeSocket?: MakeSocket;
}

/** The server over HTTP: REST, and a socket or server-sent events. */
export class HttpTransport implements Transport {
  private readonly rest: Rest;

  constructor(private readonly options: HttpOptions) {
    this.rest = new Rest(options);
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    return this.rest.request(method, path, body);
  }

  open(handlers: Handlers, fallback: boolean): Connection {
    return fallback ? openEvents(this.rest, handlers) : openSocket(this.options.socketUrl(), handlers, this.options.makeSocket);
  }
}
