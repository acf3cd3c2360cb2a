import { OverRest } from './over-rest';
import { Rest, type RestOptions } from './rest';
import { openSocket, type MakeSocket } from './socket';
import { EventsConnection } from './sse';
import type { Connection, FileTransport, Handlers, Method, Transport } from './transport';

export interface HttpOptions extends RestOptions {
  /** The socket's URL, credentials included: asked anew at each attempt. */
  socketUrl(): string;
  /** Subprotocols that tell the socket who asks, beside our own. */
  protocols?(): readonly string[];
  makeSocket?: MakeSocket;
}

/** The server over HTTP: REST, and a socket or server-sent events. */
export class HttpTransport implements Transport {
  readonly files: FileTransport;
  private readonly rest: Rest;
  private readonly overRest: OverRest;

  constructor(private readonly options: HttpOptions) {
    this.files = this.rest = new Rest(options);
    this.overRest = new OverRest(this.rest);
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    return this.rest.request(method, path, body);
  }

  open(handlers: Handlers, fallback: boolean): Connection {
    return fallback
      ? new EventsConnection(this.rest, this.overRest, handlers)
      : openSocket(this.options.socketUrl(), handlers, this.options.makeSocket, this.options.protocols?.());
  }
}
