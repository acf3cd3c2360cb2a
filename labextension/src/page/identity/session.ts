import { ApiError, asApiError } from '../../ui/client/errors';
import { Rest } from '../../ui/client/rest';
import { Value } from '../../ui/state/cell';
import type { GrantReply, MeReply } from '../../ui/protocol.generated';
import { Attempt } from './attempt';
import type { Hub } from './hub';
import { ownerOf } from './token';
import { oneAtATime } from './turn';

/** How the page stands to the service. */
export type Standing =
  | { state: 'unknown' }
  | { state: 'away'; error: ApiError }
  | { state: 'out'; why: 'ended' | 'revoked' | 'left' | null }
  | { state: 'in'; me: MeReply };

type Refreshed = 'yes' | 'no' | 'unknown';

/** A token is renewed when so much of its life is over, and never used in its last seconds. */
const RENEW_AT = 0.8;
const LAST_MS = 15_000;

export interface SessionOptions {
  /** Ends with `api/aichat/v1`. */
  url: string;
  fetch?: typeof fetch;
  /** People log in there, and the page was loaded with a token for who has. */
  hub?: Hub | null;
  /** The cookie is another person's now, or only a new page gets a token: what is shown must go. */
  onStranger?(): void;
}

/**
 * A login. The access token lives here and nowhere else; the refresh token is a cookie that no script can read. Requests
 * go out with the token; one that is refused for it is asked again after a refresh, and only then is the session over.
 */
export class Session {
  readonly standing = new Value<Standing>({ state: 'unknown' });
  private readonly attempt = new Attempt();
  private readonly open: Rest;
  private readonly rest: Rest;
  /** Asks with the token as it is, also when it is over. */
  private readonly last: Rest;
  private token = '';
  private expiresAt = 0;
  private renewing: Promise<Refreshed> | null = null;
  private leaving = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: SessionOptions) {
    this.open = new Rest({ url: options.url, fetch: this.ask });
    this.rest = new Rest({ url: options.url, fetch: this.fetch });
    this.last = new Rest({
      url: options.url,
      fetch: (url, init = {}) => this.ask(url, withToken(init, this.token))
    });
  }

  /** Finds out whether there is a session from before. */
  async start(): Promise<void> {
    const { hub } = this.options;
    if (hub?.access) {
      this.take({ access_token: hub.access.token, expires_in: hub.access.seconds });
      hub.access = null;
    }
    const away = this.standing.get().state === 'away';
    const refreshed = this.isFresh() ? 'yes' : await this.refresh();
    if (refreshed === 'yes') {
      await this.enter();
    } else if (refreshed === 'no' && hub && away) {
      this.options.onStranger?.(); // it answers again
    } else if (refreshed === 'no' && this.standing.get().state !== 'out') {
      this.standing.set({ state: 'out', why: null });
    }
  }

  /** Rejects with `ApiError`. */
  async login(username: string, password: string): Promise<void> {
    this.take((await this.open.request('POST', 'auth/login', { username, password, cookie: true })) as GrantReply);
    this.attempt.clear();
    await this.enter();
  }

  /** Ends the session here; that the service cannot be told is an error, since the cookie would still let in. */
  logout(): Promise<void> {
    return this.leave(() => this.rest.request('POST', 'auth/logout', {}));
  }

  /** Does what ends the session, by the person's own will: whoever hears of the end meanwhile is not surprised by it. */
  async leave(act: () => Promise<unknown>): Promise<void> {
    this.leaving = true;
    try {
      await act();
    } catch (error) {
      if (asApiError(error).status !== 401) {
        throw error;
      }
    } finally {
      this.leaving = false;
    }
    this.end('left');
  }

  /** The session is over, whoever ended it. */
  end(why: 'ended' | 'revoked' | 'left'): void {
    this.forget();
    if (this.standing.get().state !== 'out') {
      this.standing.set({ state: 'out', why: this.leaving ? 'left' : why });
    }
  }

  /** Asks the service anew who this is. */
  async enter(): Promise<void> {
    try {
      this.standing.set({ state: 'in', me: (await this.rest.request('GET', 'me')) as MeReply });
    } catch (error) {
      if (this.standing.get().state !== 'out') {
        this.standing.set({ state: 'away', error: asApiError(error) });
      }
    }
  }

  /** What the token is right now, and whether it still holds for a while. */
  get bearer(): string {
    return this.token;
  }

  isFresh = (): boolean => this.token !== '' && Date.now() < this.expiresAt - LAST_MS;

  /** Resolves when the token is good, or as good as can be had. */
  async fresh(): Promise<void> {
    if (!this.isFresh()) {
      await this.refresh();
    }
  }

  /** Like the browser's own, with the token. */
  fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    if (!this.token && this.standing.get().state === 'out') {
      return this.ask(url, init);
    }
    await this.fresh();
    const used = this.token;
    const answer = await this.ask(url, withToken(init, used));
    if (answer.status !== 401) {
      return answer;
    }
    const renewed = used !== this.token ? 'yes' : await this.refresh();
    if (renewed === 'unknown') {
      throw new TypeError('The session cannot be renewed right now.');
    }
    return renewed === 'yes' ? this.ask(url, withToken(init, this.token)) : answer;
  };

  /** For a page that is seen again: its timers may have slept. */
  wake(): void {
    if (this.standing.get().state === 'in' ? !this.isFresh() : this.standing.get().state !== 'unknown') {
      void this.start();
    }
  }

  /** Renews the token; all who ask meanwhile get the same answer. */
  private refresh(): Promise<Refreshed> {
    this.renewing ??= oneAtATime(this.options.url, () => this.renew()).finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async renew(): Promise<Refreshed> {
    try {
      const body = { attempt: this.attempt.get() };
      const rest = this.options.hub && this.token ? this.last : this.open;
      const grant = (await rest.request('POST', 'auth/refresh', body)) as GrantReply;
      this.attempt.clear();
      this.take(grant);
      return 'yes';
    } catch (failure) {
      return this.onRefused(asApiError(failure));
    }
  }

  private onRefused(error: ApiError): Refreshed {
    if (this.options.hub && error.code === 'forbidden') {
      this.end('revoked');
      return 'no';
    }
    if (error.status === 401 || error.status === 400) {
      this.attempt.clear();
      if (this.standing.get().state === 'in') {
        this.end('ended');
      }
      this.forget();
      return 'no';
    }
    if (this.standing.get().state === 'unknown') {
      this.standing.set({ state: 'away', error });
    }
    return 'unknown';
  }

  private take({ access_token: token, expires_in: seconds }: Pick<GrantReply, 'access_token' | 'expires_in'>): void {
    const standing = this.standing.get();
    if (standing.state === 'in' && standing.me.owner_id !== ownerOf(token)) {
      this.options.onStranger?.();
      return;
    }
    this.token = token;
    this.expiresAt = Date.now() + seconds * 1000;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), seconds * 1000 * RENEW_AT);
  }

  private forget(): void {
    clearTimeout(this.timer);
    this.token = '';
    this.expiresAt = 0;
  }

  private ask = (url: string | URL | Request, init?: RequestInit): Promise<Response> =>
    (this.options.fetch ?? fetch)(url, init);
}

const withToken = (init: RequestInit, token: string): RequestInit => ({
  ...init,
  headers: { ...(init.headers as Record<string, string>), ...(token && { Authorization: `Bearer ${token}` }) }
});
