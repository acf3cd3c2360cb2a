import type { MeReply } from '../../../src/ui/protocol.generated';
import { failure, FakeHttp, json } from './http';

export const aMe = (change: Partial<MeReply> = {}): MeReply => ({
  owner_id: 'o-ada',
  name: 'ada',
  display_name: 'Ada',
  roles: ['user'],
  scopes: ['chats:read', 'chats:write', 'account'],
  preferences: {},
  limits: {
    body: 1 << 20,
    frame: 1 << 20,
    requests_per_minute: null,
    sends_per_minute: null,
    connections: null,
    quotas: []
  },
  groups: [],
  keeps_chats_days: null,
  keeps_pinned: true,
  ...change
});

/** A token that says whose it is, as the service's do. */
export const aToken = (owner: string, name = 'x'): string => `h.${btoa(JSON.stringify({ sub: owner }))}.${name}`;

/** The accounts of a service in memory: one account, whose cookie the test holds. */
export class FakeAccounts extends FakeHttp {
  me = aMe();
  /** The refresh token's cookie: `''` for none. */
  cookie = '';
  /** The access tokens that let in. */
  readonly valid = new Set<string>();
  readonly attempts: (string | undefined)[] = [];
  private grants = 0;

  constructor() {
    super();
    this.on('POST auth/login', (_path: string, init: RequestInit) => {
      const { password } = JSON.parse(String(init.body)) as { password: string };
      return password === 'right' ? this.grant() : failure('unauthenticated', 401, 'The password is wrong.');
    });
    this.on('POST auth/refresh', (_path: string, init: RequestInit) => {
      this.attempts.push((JSON.parse(String(init.body)) as { attempt?: string }).attempt);
      return this.cookie ? this.grant() : failure('unauthenticated', 401);
    });
    this.on('POST auth/logout', () => {
      this.revoke();
      return new Response(null, { status: 204 });
    });
    this.on('GET me', (_path: string, init: RequestInit) => this.guarded(init, () => json(this.me)));
    this.on('GET auth', { registration: 'open', password: { min_characters: 8, max_bytes: 72 } });
  }

  /** Lets a request in only with a valid token. */
  guarded(init: RequestInit, answer: () => Response): Response {
    const { Authorization: bearer = '' } = (init.headers ?? {}) as Record<string, string>;
    return this.valid.has(bearer.replace('Bearer ', '')) ? answer() : failure('unauthenticated', 401);
  }

  /** All access tokens of before are over; the cookie is not. */
  expire(): void {
    this.valid.clear();
  }

  /** The session is over. */
  revoke(): void {
    this.cookie = '';
    this.valid.clear();
  }

  private grant(): Response {
    this.cookie = 'yes';
    const token = aToken(this.me.owner_id, String(++this.grants));
    this.valid.add(token);
    return json({ access_token: token, expires_in: 900, token_type: 'Bearer' });
  }
}
