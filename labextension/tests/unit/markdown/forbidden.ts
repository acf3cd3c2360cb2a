/** All that may be in a document that came from Markdown, written down apart from the code that sees to it. */
const TAGS = new Set(
  (
    'A B BLOCKQUOTE BR CODE DEL DIV EM H1 H2 H3 H4 H5 H6 HR I IMG INPUT INS KBD LI MARK OL P PRE S SPAN STRONG SUB ' +
    'SUP TABLE TBODY TD TH THEAD TR U UL'
  ).split(' ')
);
const ATTRIBUTES: Record<string, RegExp> = {
  align: /^(?:left|right|center|justify|char)?$/i,
  alt: /^/,
  checked: /^$/,
  class: /^(?:language-[\w+#.-]+|aichat-math|aichat-math-display| )*$/,
  'data-aichat-src': /^https?:\/\//i,
  disabled: /^$/,
  href: /^(?:https?:\/\/|mailto:)/i,
  loading: /^lazy$/,
  referrerpolicy: /^no-referrer$/,
  rel: /^noopener noreferrer nofollow$/,
  src: /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/=]+$/i,
  start: /^/,
  target: /^_blank$/,
  title: /^/,
  type: /^checkbox$/
};

const HTML = 'http://www.w3.org/1999/xhtml';

/** What should not be there: elements, attributes, addresses and classes. */
export function forbiddenIn(root: ParentNode): string[] {
  const found: string[] = [];
  for (const element of root.querySelectorAll('*')) {
    if (element.namespaceURI !== HTML || !TAGS.has(element.tagName)) {
      found.push(`<${element.tagName}>`);
    }
    for (const { name, value } of element.attributes) {
      if (!ATTRIBUTES[name]?.test(value)) {
        found.push(`${element.tagName} ${name}="${value.slice(0, 80)}"`);
      }
    }
    if (element.hasAttribute('href') && !element.hasAttribute('rel')) {
      found.push(`${element.tagName} with href and without rel`);
    }
    if (element.tagName === 'INPUT' && !element.hasAttribute('disabled')) {
      found.push('INPUT that is not disabled');
    }
  }
  return found;
}
