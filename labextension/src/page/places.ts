export const SETTINGS = ['profile', 'security', 'tokens', 'usage', 'data'] as const;
export const ADMIN = ['users', 'invitations', 'usage', 'audit'] as const;

export type SettingsPart = (typeof SETTINGS)[number];
export type AdminPart = (typeof ADMIN)[number];

/** What is a JupyterHub's matter where people log in there. */
const OF_LOGINS: readonly string[] = ['security', 'tokens', 'invitations'];

/** Of these parts, those that there are. */
export const partsFor = <T extends string>(parts: readonly T[], hub: boolean): T[] =>
  parts.filter(each => !hub || !OF_LOGINS.includes(each));

/** What an address of the page shows. */
export type Place =
  | { view: 'chat'; chatId: string | null }
  | { view: 'login'; next: string }
  | { view: 'register'; invitation: string; next: string }
  | { view: 'settings'; part: SettingsPart }
  | { view: 'admin'; part: AdminPart }
  | { view: 'shared'; token: string }
  | { view: 'unknown' };

/** One segment of a path; `.` and `..` would lead elsewhere. */
const ID = /^(?!\.{1,2}$)[0-9A-Za-z_.~-]{1,256}$/;

/** Reads an address below the page's root, which begins with no slash: `settings/tokens`, `login?next=…`. */
export function placeOf(address: string): Place {
  const [before, fragment = ''] = address.split(/#(.*)/s);
  const [path, query = ''] = before.split(/\?(.*)/s);
  const params = new URLSearchParams(query);
  const [view, part = '', ...rest] = path.replace(/\/$/, '').split('/');
  if (rest.length) {
    return { view: 'unknown' };
  }
  switch (view) {
    case '':
      return part ? { view: 'unknown' } : { view: 'chat', chatId: null };
    case 'chats':
      return ID.test(part) ? { view: 'chat', chatId: part } : { view: 'unknown' };
    case 'shared':
      return ID.test(part) ? { view: 'shared', token: part } : { view: 'unknown' };
    case 'settings':
      return { view: 'settings', part: SETTINGS.find(each => each === part) ?? 'profile' };
    case 'admin':
      return { view: 'admin', part: ADMIN.find(each => each === part) ?? 'users' };
    case 'login':
      return part ? { view: 'unknown' } : { view: 'login', next: safeNext(params.get('next')) };
    case 'register': {
      const invitation = new URLSearchParams(fragment).get('invitation') ?? '';
      return part ? { view: 'unknown' } : { view: 'register', invitation, next: safeNext(params.get('next')) };
    }
    default:
      return { view: 'unknown' };
  }
}

/** The address of a place, below the page's root. */
export function addressOf(place: Place): string {
  switch (place.view) {
    case 'chat':
      return place.chatId ? `chats/${place.chatId}` : '';
    case 'login':
      return `login${asQuery({ next: place.next })}`;
    case 'register':
      return `register${asQuery({ next: place.next })}${asQuery({ invitation: place.invitation }, '#')}`; // # is in no log
    case 'shared':
      return `shared/${place.token}`;
    case 'settings':
    case 'admin':
      return `${place.view}/${place.part}`;
    default:
      return '';
  }
}

/**
 * Where to go after a login: a place of this page, written anew from what was read, so that no address can lead
 * elsewhere. What is none of ours is the page's root.
 */
export function safeNext(next: string | null): string {
  const place = placeOf(next ?? '');
  return place.view === 'login' || place.view === 'register' || place.view === 'unknown' ? '' : addressOf(place);
}

function asQuery(values: Record<string, string>, mark = '?'): string {
  const params = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  return params.size ? `${mark}${params}` : '';
}
