import type { ClientFrame, ServerFrame } from '../protocol.generated';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** How a connection ended. `retry` false: coming back makes no sense (policy, access revoked). */
export interface Closed {
  code: number;
  retry: boolean;
}

export interface Handlers {
  onOpen(): void;
  onFrame(frame: ServerFrame): void;
  onClose(closed: Closed): void;
}

/** One attempt to hear the server; `onClose` is called once, also when it never opened. */
export interface Connection {
  readonly via: 'socket' | 'sse' | 'comm';
  send(frame: ClientFrame): void;
  close(): void;
}

/** A file of chats, and the name that the server gives it. */
export interface Download {
  data: Blob;
  name: string;
}

/** Files, which may take longer than requests. Both reject with `ApiError`. */
export interface FileTransport {
  download(path: string): Promise<Download>;
  upload(path: string, file: Blob): Promise<unknown>;
}

/** What a host gives the chat: requests below `api/aichat/v1`, and connections. It knows nothing of back-off. */
export interface Transport {
  /** Returns the answer's JSON, undefined for 204; rejects with `ApiError`. */
  request(method: Method, path: string, body?: unknown): Promise<unknown>;
  /** `fallback`: the way for networks that refuse sockets, where there is one. */
  open(handlers: Handlers, fallback: boolean): Connection;
  /** Absent where files cannot come through. */
  readonly files?: FileTransport;
}
