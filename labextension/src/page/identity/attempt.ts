import { newKey } from '../../ui/state/question';

const KEY = 'jupyter_aichat:attempt';

/**
 * The name of a refresh that has no answer yet. The same refresh token with the same attempt gets the same answer, so a
 * reply that was lost, a reload in the middle and two tabs at once log nobody out: they all give this name.
 */
export class Attempt {
  private own = '';

  get(): string {
    const id = read() || this.own || newKey();
    this.own = id;
    write(id);
    return id;
  }

  /** There was an answer. */
  clear(): void {
    this.own = '';
    write('');
  }
}

function read(): string {
  try {
    return window.localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

function write(id: string): void {
  try {
    if (id) {
      window.localStorage.setItem(KEY, id);
    } else {
      window.localStorage.removeItem(KEY);
    }
  } catch {
    // a forbidden storage: the name lives as long as the page
  }
}
