import type { CodeText } from './code-text';

/** Characters in a part; a part ends at a line end. One big text node would be laid out anew with each delta. */
const PART = 4096;
/** Longer code (characters) stays plain: to colour it would hold the page up. */
const MAX_COLOURED = 60_000;

const languages = (): Promise<typeof import('./languages')> => import('./languages');

/** Shows growing code in an element: appends what is new, in parts that are blocks of their own. */
export class CodeView {
  private shown = 0;
  private tail: Text | null = null;

  constructor(
    private readonly element: HTMLElement,
    readonly code: CodeText
  ) {
    element.replaceChildren();
  }

  /** Shows what has come since the last time; code that is whole is coloured. */
  update(): void {
    const added = this.code.chunks.slice(this.shown).join('');
    this.shown = this.code.chunks.length;
    this.append(added);
    if (!this.code.open && this.code.lang && this.code.length <= MAX_COLOURED) {
      void this.colour();
    }
  }

  private append(text: string): void {
    for (let rest = text; rest;) {
      const tail = (this.tail ??= this.newPart());
      const room = PART - tail.length;
      const end = rest.length < room ? -1 : rest.indexOf('\n', Math.max(0, room));
      const piece = end < 0 ? rest : rest.slice(0, end + 1);
      tail.appendData(piece);
      rest = rest.slice(piece.length);
      if (end >= 0) {
        tail.parentElement!.classList.add('aichat-done');
        this.tail = null;
      }
    }
  }

  private newPart(): Text {
    const part = document.createElement('span');
    part.className = 'aichat-code-part';
    const text = document.createTextNode('');
    part.append(text);
    this.element.append(part);
    return text;
  }

  private async colour(): Promise<void> {
    const { highlight } = await languages();
    const coloured = this.element.isConnected && highlight(this.code.toString(), this.code.lang);
    if (coloured) {
      this.element.replaceChildren(coloured);
    }
  }
}
