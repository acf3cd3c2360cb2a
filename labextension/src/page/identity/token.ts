/** What the page reads in an access token; only the server judges it. */
export interface Claims {
  /** The account's id. */
  sub: string;
}

/** Reads whose token it is; an empty name for what is none. */
export function ownerOf(token: string): string {
  try {
    const middle = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const claims = JSON.parse(atob(middle)) as Partial<Claims>;
    return typeof claims.sub === 'string' ? claims.sub : '';
  } catch {
    return '';
  }
}
