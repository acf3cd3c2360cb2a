import { readFrames } from './frames';
import type { Connection, Handlers } from './transport';

export const SUBPROTOCOL = 'aichat.v1';
const OPEN_MS = 10_000;
/** Unsupported data, policy violation, access revoked: coming back changes nothing. */
const FINAL = new Set([1003, 1008, 4403]);
/** But a client that did not read fast enough may try again. */
const TOO_SLOW = 'too slow';
const OPEN = 1;

export type MakeSocket = (url: string, protocols: string[]) => WebSocket;

/** One WebSocket. A message carries one frame or several, one a line. */
export function openSocket(
  url: string,
  handlers: Handlers,
  make: MakeSocket = (u, p) => new WebSocket(u, p),
  credentials: readonly string[] = []
): Connection {
  const socket = make(url, [SUBPROTOCOL, ...credentials]);
  let closed = false;
  const end = (code: number, reason = ''): void => {
    if (!closed) {
      closed = true;
      clearTimeout(timer);
      handlers.onClose({ code, retry: !FINAL.has(code) || reason === TOO_SLOW });
    }
  };
  const timer = setTimeout(() => {
    socket.close();
    end(1006);
  }, OPEN_MS);
  socket.onopen = () => {
    clearTimeout(timer);
    handlers.onOpen();
  };
  socket.onmessage = (message: MessageEvent<unknown>) => {
    if (!closed && typeof message.data === 'string') {
      readFrames(message.data, handlers.onFrame);
    }
  };
  socket.onclose = event => end(event.code, event.reason);
  return {
    via: 'socket',
    send: frame => {
      if (socket.readyState === OPEN) {
        socket.send(JSON.stringify(frame));
      }
    },
    close: () => {
      socket.close(1000);
      end(1000);
    }
  };
}
