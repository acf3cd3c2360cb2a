import type { ServerFrame } from '../protocol.generated';
import type { Connection, Handlers } from './transport';

export const SUBPROTOCOL = 'aichat.v1';
/** Policy violation, credential refused, access revoked: coming back changes nothing. */
const FINAL = new Set([1003, 1008, 4403]);
const OPEN_MS = 10_000;

export type MakeSocket = (url: string, protocols: string[]) => WebSocket;

/** One WebSocket. A message carries one frame or several, one a line. */
export function openSocket(
  url: string,
  handlers: Handlers,
  make: MakeSocket = (u, p) => new WebSocket(u, p)
): Connection {
  const socket = make(url, [SUBPROTOCOL]);
  let closed = false;
  const close = (code: number): void => {
    if (!closed) {
      closed = true;
      clearTimeout(timer);
      handlers.onClose({ code, retry: !FINAL.has(code) });
    }
  };
  const timer = setTimeout(() => {
    socket.close();
    close(1006);
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
  socket.onclose = event => close(event.code);
  return {
    via: 'socket',
    send: frame => {
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify(frame));
      }
    },
    close: () => {
      socket.close(1000);
      close(1000);
    }
  };
}

/** A line that is no JSON is left out: the next snapshot makes good what it held. */
export function readFrames(text: string, take: (frame: ServerFrame) => void): void {
  for (const line of text.split('\n')) {
    const frame = line && parse(line);
    if (frame) {
      take(frame);
    }
  }
}

function parse(line: string): ServerFrame | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value ? (value as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}
