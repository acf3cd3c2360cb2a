import type { Rest } from '../../ui/client/rest';
import type {
  AuditPage,
  AuthReply,
  InvitationReply,
  MeReply,
  Quota,
  SessionReply,
  TokenReply,
  UsageReply,
  UsedReply,
  UserReply
} from '../../ui/protocol.generated';
import type { Page } from './page';

/** What a person may do with an account, and an administrator with others; all reject with `ApiError`. */
export class AccountsApi {
  constructor(private readonly rest: Rest) {}

  entrance = (): Promise<AuthReply> => this.ask('GET', 'auth');

  register = (body: { username: string; password: string; display_name?: string; invitation?: string }) =>
    this.ask<void>('POST', 'auth/register', body);

  // One's own

  change = (changes: { display_name?: string }): Promise<MeReply> => this.ask('PATCH', 'me', changes);
  changePassword = (current: string, fresh: string): Promise<void> =>
    this.ask('POST', 'auth/password', { password: current, new_password: fresh });
  logoutEverywhere = (): Promise<void> => this.ask('POST', 'auth/logout_all', {});
  remove = (password: string): Promise<void> => this.ask('DELETE', 'me', { password });

  sessions = (): Promise<Page<SessionReply>> => this.ask('GET', 'sessions');
  endSession = (id: string): Promise<void> => this.ask('DELETE', `sessions/${id}`);

  tokens = (): Promise<Page<TokenReply>> => this.ask('GET', 'tokens');
  makeToken = (name: string, scopes: string[], days: number): Promise<TokenReply & { token: string }> =>
    this.ask('POST', 'tokens', { name, scopes, days });
  deleteToken = (id: string): Promise<void> => this.ask('DELETE', `tokens/${id}`);

  /** What one used of each model on each day from one on. */
  used = (cursor: string | null, since: string): Promise<Page<UsedReply>> =>
    this.ask('GET', `me/usage${query({ cursor, since, limit: '200' })}`);

  /** All that is kept of the account, as JSON lines. */
  async export(): Promise<Blob> {
    const answer = await this.rest.fetch('me/export');
    if (!answer.ok) {
      await this.rest.request('GET', 'me'); // says what is wrong, where it is the login
      throw new Error(`HTTP ${answer.status}`);
    }
    return answer.blob();
  }

  // Administrators'

  users = (cursor: string | null, filter: { q?: string; group?: string } = {}): Promise<Page<UserReply>> =>
    this.ask('GET', `admin/users${query({ cursor, ...filter })}`);
  makeUser = (body: { username: string; password: string; roles: string[] }): Promise<UserReply> =>
    this.ask('POST', 'admin/users', body);
  changeUser = (
    id: string,
    changes: { roles?: string[]; disabled?: boolean; password?: string; quotas?: Quota[]; groups?: string[] }
  ): Promise<UserReply> => this.ask('PATCH', `admin/users/${id}`, changes);
  deleteUser = (id: string): Promise<void> => this.ask('DELETE', `admin/users/${id}`);

  invitations = (): Promise<Page<InvitationReply>> => this.ask('GET', 'auth/invitations');
  invite = (days: number, roles: string[]): Promise<InvitationReply & { invitation: string }> =>
    this.ask('POST', 'auth/invitations', { days, roles });
  takeBack = (id: string): Promise<void> => this.ask('DELETE', `auth/invitations/${id}`);

  audit = (cursor: string | null, filter: { account?: string; action?: string }): Promise<AuditPage> =>
    this.ask('GET', `admin/audit${query({ cursor, ...filter })}`);

  usage = (cursor: string | null, filter: { since: string }): Promise<Page<UsageReply>> =>
    this.ask('GET', `admin/usage${query({ cursor, ...filter })}`);

  private ask<T>(...args: Parameters<Rest['request']>): Promise<T> {
    return this.rest.request(...args) as Promise<T>;
  }
}

function query(values: Record<string, string | null | undefined>): string {
  const params = new URLSearchParams();
  Object.entries(values).forEach(([name, value]) => value && params.set(name, value));
  return params.size ? `?${params}` : '';
}
