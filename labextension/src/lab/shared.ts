import type { Host } from '../ui/host';

/**
 * Where others read a shared chat: on the page of the service behind the server, an address or a path of this one's. Absent
 * where chats are kept here.
 */
export function sharedUrlOf(page: string, here = location.href): Host['sharedUrl'] {
  return page ? key => new URL(`shared/${encodeURIComponent(key)}`, new URL(page, here)).href : undefined;
}
