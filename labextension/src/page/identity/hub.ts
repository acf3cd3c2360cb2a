/** A JupyterHub, where people log in and out instead of here. */
export interface Hub {
  logoutUrl: string;
  /** What this page was loaded with: the token of who is logged in, and how long it holds; null where nobody is. */
  access: { token: string; seconds: number } | null;
}

/** Reads what the service has put into the page, and takes the token out of it; null where the service has logins of its own. */
export function takeHub(page: Document): Hub | null {
  const read = (name: string): string => {
    const tag = page.querySelector<HTMLMetaElement>(`meta[name="${name}"]`);
    tag?.remove();
    return tag?.content ?? '';
  };
  const [logoutUrl, token, seconds] = ['aichat-hub', 'aichat-access', 'aichat-access-seconds'].map(read);
  return logoutUrl ? { logoutUrl, access: token ? { token, seconds: Number(seconds) } : null } : null;
}
