/** Code that may still grow, as a list of chunks: a view appends what it has not shown yet. */
export class CodeText {
  readonly chunks: string[] = [];
  /** Characters. */
  length = 0;
  /** Line ends. */
  lines = 0;
  /** Whether more may come. */
  open = true;

  constructor(readonly lang: string) {}

  push(text: string): void {
    if (text) {
      this.chunks.push(text);
      this.length += text.length;
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
        this.lines += 1;
      }
    }
  }

  toString(): string {
    return this.chunks.join('');
  }
}
