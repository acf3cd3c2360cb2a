/** Texts by name that survive a reload of the page, where the browser allows it, and never leave the tab. */
export class KeptText {
  private readonly texts = new Map<string, string>();

  constructor(private readonly kind: string) {}

  get(name: string): string {
    return this.texts.get(name) ?? read(this.key(name)) ?? '';
  }

  set(name: string, text: string): void {
    this.texts.set(name, text);
    write(this.key(name), text);
  }

  private key = (name: string): string => `jupyter_aichat:${this.kind}:${name}`;
}

function read(key: string): string | null {
  try {
    return window.sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, text: string): void {
  try {
    if (text) {
      window.sessionStorage.setItem(key, text);
    } else {
      window.sessionStorage.removeItem(key);
    }
  } catch {
    // a full or forbidden storage: the text lives as long as the page
  }
}
