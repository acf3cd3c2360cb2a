import type { ErrorBody } from '../protocol.generated';

/** What the server refused, or that it could not be reached (`network`). `status` is 0 where there was no answer. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
    readonly status = 0
  ) {
    super(message);
  }
}

/** Whether the server answers and does not know us. A page instead of JSON is a login's, ours or a hub's. */
export const isNotLetIn = ({ status, code }: ApiError): boolean =>
  status === 401 || status === 403 || (status >= 200 && status < 300 && code === 'bad_upstream');

/** Whether it is the service behind this server that the error is about: this server forwards to one, with a token. */
export const isOfService = ({ details }: ApiError): boolean => typeof details.service === 'string';

export function isErrorBody(value: unknown): value is ErrorBody {
  return typeof value === 'object' && value !== null && typeof (value as ErrorBody).code === 'string';
}

export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError ? error : new ApiError('internal', error instanceof Error ? error.message : String(error));
