/** No person nests deeper; marked recurses for each level, to the end of the stack and of our patience. */
const MAX_DEPTH = 24;
const MARKER = String.raw`(?:[-*+>]|\d{1,9}[.)])`;
const MANY = new RegExp(String.raw`^[ \t]*(?:${MARKER}[ \t]*){${MAX_DEPTH}}(?=${MARKER})`);
const FAR = new RegExp(String.raw`^[ \t]{${2 * MAX_DEPTH},}(?=${MARKER})`);
const DEEP = new RegExp(`${MANY.source}|${FAR.source}`, 'm');
const FENCE = /^ {0,3}(?:`{3,}|~{3,})/;
const RULE = /^[ \t]*([-*_])(?:[ \t]*\1)*[ \t]*$/;
/** Signs that look alike and mean nothing: a text keeps its length. */
const ALIKE: Record<string, string> = { '-': '‐', '*': '∗', '+': '＋', '>': '›' };

/** The text, with markers of lists and quotes that stand too deep made into plain signs; code stays as it is. */
export function shallow(text: string): string {
  if (!DEEP.test(text)) {
    return text;
  }
  let code = false;
  return text
    .split('\n')
    .map(line => {
      code = FENCE.test(line) ? !code : code;
      return code || RULE.test(line) ? line : shallowLine(line);
    })
    .join('\n');
}

function shallowLine(line: string): string {
  const deep = MANY.exec(line) ?? FAR.exec(line);
  if (!deep) {
    return line;
  }
  const at = deep[0].length;
  return line.slice(0, at) + line.slice(at).replace(/[-*+>]|\d/, sign => ALIKE[sign] ?? '․');
}
