import { HttpTransport } from '../../ui/client/http';
import type { Connection, FileTransport, Handlers, Method, Transport } from '../../ui/client/transport';
import type { MakeSocket } from '../../ui/client/socket';
import type { Session } from './session';

/** The service over HTTP, as the account of a session. */
export class SessionTransport implements Transport {
  readonly files: FileTransport;
  private readonly http: HttpTransport;

  constructor(
    private readonly session: Session,
    url: string,
    makeSocket?: MakeSocket
  ) {
    this.http = new HttpTransport({
      url,
      fetch: session.fetch,
      socketUrl: () => `${url.replace(/^http/, 'ws')}/ws`,
      protocols: () => (session.bearer ? [`jwt.${session.bearer}`] : []),
      makeSocket
    });
    this.files = this.http.files;
  }

  request(method: Method, path: string, body?: unknown): Promise<unknown> {
    return this.http.request(method, path, body);
  }

  open(handlers: Handlers, fallback: boolean): Connection {
    if (fallback || this.session.isFresh()) {
      return this.http.open(handlers, fallback);
    }
    return new LaterConnection(
      () => this.session.fresh(),
      () => this.http.open(handlers, false),
      handlers
    );
  }
}

/** A socket that opens as soon as there is a token for it. */
class LaterConnection implements Connection {
  readonly via = 'socket';
  private inner: Connection | null = null;
  private closed = false;

  constructor(
    ready: () => Promise<void>,
    open: () => Connection,
    private readonly handlers: Handlers
  ) {
    void ready().then(() => {
      if (!this.closed) {
        this.inner = open();
      }
    });
  }

  send: Connection['send'] = frame => this.inner?.send(frame);

  close(): void {
    this.closed = true;
    if (this.inner) {
      this.inner.close();
    } else {
      this.handlers.onClose({ code: 1000, retry: true });
    }
  }
}
