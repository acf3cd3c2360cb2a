import { ApiError, isErrorBody } from './errors';
import type { Download, FileTransport, Method } from './transport';

const TIMEOUT_MS = 30_000;
const FILE_MS = 600_000;

export interface RestOptions {
  /** Ends with `api/aichat/v1`. */
  url: string;
  /** Credentials of the host: a token or the XSRF cookie. */
  headers?(): Record<string, string>;
  fetch?: typeof fetch;
}

/** Requests over HTTP. */
export class Rest implements FileTransport {
  constructor(private readonly options: RestOptions) {}

  /** Returns the answer's JSON, undefined for 204; rejects with `ApiError`. */
  async request(method: Method, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.fetch(path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } })
    });
    return valueOf(answer);
  }

  /** Returns a file, whole; rejects with `ApiError`. */
  async download(path: string): Promise<Download> {
    const answer = await this.fetch(path, { signal: AbortSignal.timeout(FILE_MS) });
    const name = nameOf(answer.headers.get('Content-Disposition') ?? '');
    if (!answer.ok || !name) {
      await valueOf(answer);
      throw new ApiError('bad_upstream', 'HTTP 200', {}, 200);
    }
    return { data: await answer.blob().catch(asNetworkError), name };
  }

  /** Sends a file, and returns the answer's JSON; rejects with `ApiError`. */
  async upload(path: string, file: Blob): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json' };
    return valueOf(
      await this.fetch(path, { method: 'POST', body: file, headers, signal: AbortSignal.timeout(FILE_MS) })
    );
  }

  /** A request with the host's credentials; rejects with `ApiError('network')` where nobody answers. */
  async fetch(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const { url, headers, fetch: ask = fetch } = this.options;
    return ask(`${url}/${path}`, {
      credentials: 'same-origin',
      cache: 'no-store',
      ...init,
      headers: { ...headers?.(), ...init.headers }
    }).catch(asNetworkError);
  }
}

async function valueOf(answer: Response): Promise<unknown> {
  const text = await answer.text().catch(asNetworkError);
  if (answer.status === 204) {
    return undefined;
  }
  const value = parse(text);
  if (answer.ok && value !== undefined) {
    return value;
  }
  throw isErrorBody(value)
    ? new ApiError(value.code, value.message, value.details, answer.status)
    : new ApiError('bad_upstream', `HTTP ${answer.status}`, {}, answer.status);
}

/** The name in `Content-Disposition`, as the server writes it; "" for none. */
function nameOf(disposition: string): string {
  const [, encoded] = /filename\*=UTF-8''([^;]+)/.exec(disposition) ?? [];
  const [, plain] = /filename="([^"]+)"/.exec(disposition) ?? [];
  try {
    return encoded ? decodeURIComponent(encoded) : (plain ?? '');
  } catch {
    return plain ?? '';
  }
}

function asNetworkError(error: unknown): never {
  throw new ApiError('network', error instanceof Error ? error.message : String(error));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // HTML of a proxy
  }
}
