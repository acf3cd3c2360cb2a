/** Which chat was open: in this tab, else in the last one that this person had. */
export class LastChat {
  private readonly key: string;

  constructor(baseUrl: string) {
    this.key = `jupyter_aichat:open:${baseUrl}`;
  }

  get(): string | null {
    try {
      return sessionStorage.getItem(this.key) ?? localStorage.getItem(this.key);
    } catch {
      return null; // storage forbidden: begin with a new chat
    }
  }

  set(chatId: string | null): void {
    try {
      for (const storage of [sessionStorage, localStorage]) {
        storage.setItem(this.key, chatId ?? '');
      }
    } catch {
      // storage forbidden: nothing is remembered
    }
  }
}
