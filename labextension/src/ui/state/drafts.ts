const PREFIX = 'jupyter_aichat:draft:';

/** What a person has typed and not sent, per chat; survives a reload of the page. */
export class Drafts {
  private readonly kept = new Map<string, string>();

  get(chatId: string | null): string {
    const key = PREFIX + (chatId ?? '');
    return this.kept.get(key) ?? storage()?.getItem(key) ?? '';
  }

  set(chatId: string | null, text: string): void {
    const key = PREFIX + (chatId ?? '');
    this.kept.set(key, text);
    try {
      if (text) {
        storage()?.setItem(key, text);
      } else {
        storage()?.removeItem(key);
      }
    } catch {
      // a full or forbidden storage: the draft lives as long as the page
    }
  }
}

function storage(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
