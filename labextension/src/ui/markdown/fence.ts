import type { Token, Tokens } from 'marked';
import { CodeText } from './code-text';

const OPENER = /^( {0,3})(`{3,}|~{3,})[^\n]*\n/;
/** What a line that has only begun looks like if it may still become the closing one. */
const MAY_CLOSE = /^ {0,3}[`~]* *$/;

/** A fence that has not been closed yet: it takes text only, so nothing is parsed twice. */
export class OpenFence {
  /** What of the line was held back, because it may become the closing one. */
  private line = '';
  /** Whether a part of the line has been taken as code already. */
  private inLine = false;

  private constructor(
    readonly code: CodeText,
    private readonly closing: RegExp,
    private readonly indent: RegExp | null
  ) {}

  /** The fence that a token begins with, and the text after its first line. */
  private static of(token: Token): { fence: OpenFence; body: string } | null {
    const opener =
      token.type === 'code' && (token as Tokens.Code).codeBlockStyle !== 'indented' && OPENER.exec(token.raw);
    if (!opener) {
      return null; // no fence, or its first line may still grow
    }
    const [head, indent, marks] = opener;
    const closing = new RegExp(`^ {0,3}${marks}[\`~]* *$`);
    const fence = new OpenFence(
      new CodeText(languageOf(token as Tokens.Code)),
      closing,
      indent ? new RegExp(`^ {0,${indent.length}}`) : null
    );
    return { fence, body: token.raw.slice(head.length) };
  }

  /** The fence that the last token of a text leaves open, and the text after its first line. */
  static leftOpen(token: Token | undefined): { fence: OpenFence; body: string } | null {
    const begun = token && OpenFence.of(token);
    const lines = begun ? begun.body.split('\n').slice(0, -1) : [];
    return begun && !lines.some(line => begun.fence.closing.test(line)) ? begun : null;
  }

  /** The code of a token that is whole. */
  static codeOf(token: Tokens.Code): CodeText {
    const begun = OpenFence.of(token);
    const code = begun?.fence.code ?? new CodeText(languageOf(token));
    if (begun) {
      begun.fence.feed(begun.body);
      begun.fence.end();
    } else {
      code.push(token.text && `${token.text}\n`);
    }
    code.open = false;
    return code;
  }

  /** Takes text; returns what follows the closing line, null as long as there is none. */
  feed(text: string): string | null {
    let rest = text;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      this.line += rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (!this.inLine && this.closing.test(this.line)) {
        this.code.open = false;
        return rest;
      }
      this.takeLine();
      this.code.push('\n');
      this.inLine = false;
    }
    this.line += rest;
    if (this.inLine || !MAY_CLOSE.test(this.line)) {
      this.takeLine();
      this.inLine = true;
    }
    return null;
  }

  /** The text ended: the last line needs no line end to close the fence. */
  end(): void {
    if (!this.code.open) {
      return;
    }
    if (this.inLine || !this.closing.test(this.line)) {
      this.takeLine();
    }
    this.code.open = false;
  }

  private takeLine(): void {
    this.code.push(this.indent && !this.inLine ? this.line.replace(this.indent, '') : this.line);
    this.line = '';
  }
}

/** The first word after the opening marks. */
const languageOf = (token: Tokens.Code): string => token.lang?.split(/\s/)[0] ?? '';
