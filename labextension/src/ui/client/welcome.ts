import type { HealthReply } from '../protocol.generated';
import { asApiError, isNotLetIn, isOfService, type ApiError } from './errors';
import type { Transport } from './transport';

const ME_MS = 5_000;
const HEALTH_MS = 1_000;

/** Whether a server lets us in, or what it says of the service behind it. */
export type Welcome =
  | 'yes'
  | 'unknown'
  | 'unauthenticated'
  | 'forbidden'
  | 'service_token'
  | 'hub_token'
  | 'service_away'
  | 'not_the_service';

type OfToken = 'service_token' | 'hub_token';

/** A browser cannot read why a handshake was refused, so we ask: nobody there, not let in, or no way for sockets. */
export async function askWelcome(transport: Transport): Promise<Welcome> {
  const asked = transport.request('GET', 'me').then(
    () => 'yes' as const,
    error => whyNot(asApiError(error))
  );
  return (await within(ME_MS, asked)) ?? (await within(HEALTH_MS, howTheServiceIs(transport))) ?? 'unknown';
}

/** Whether a token was refused that the server has for the service behind it. */
export const isOfToken = (why: Welcome | 'policy' | undefined): why is OfToken =>
  why === 'service_token' || why === 'hub_token';

/** Whether a refusal may be over without anybody here having done anything. */
export const mayPass = (why: Welcome | 'policy' | undefined): why is OfToken | 'unauthenticated' =>
  why === 'unauthenticated' || isOfToken(why);

/** A service that hangs lets the question hang, too; the server before it knows, and does not wait for it. */
async function howTheServiceIs(transport: Transport): Promise<Welcome> {
  const health = (await transport.request('GET', 'health').catch(() => null)) as HealthReply | null;
  return health?.service === 'away' ? 'service_away' : 'unknown';
}

function whyNot(error: ApiError): Welcome {
  if (!isOfService(error)) {
    return isNotLetIn(error) ? 'unauthenticated' : 'unknown';
  }
  switch (error.status) {
    case 401:
      return error.details.given_by === 'hub' ? 'hub_token' : 'service_token';
    case 403:
      return 'forbidden';
    default:
      return error.code === 'bad_upstream' ? 'not_the_service' : 'service_away';
  }
}

/** What a promise gives, null if it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>(resolve => (timer = setTimeout(() => resolve(null), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
