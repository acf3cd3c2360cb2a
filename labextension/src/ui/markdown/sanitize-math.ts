import DOMPurify, { type Config } from 'dompurify';
import { TRUSTED_TYPES_POLICY } from './trusted-types';

/** What the LaTeX renderer writes into `style`, one declaration each; simple pieces, so that no input makes it slow. */
const DECLARATIONS: readonly RegExp[] = [
  /^display: ?(?:block|inline) math$/i,
  /^padding(?:-\w+)?: ?[\d. empt-]{1,24}$/i,
  /^(?:width|height): ?[\d.]{1,8}(?:em|pt|%)$/i,
  /^color: ?(?:#[0-9a-f]{3,8}|[a-z]{3,20})$/i,
  /^border(?:-\w+)?: ?[\d.]{1,4}(?:em|pt|px) (?:solid|dashed)$/i,
  /^math-depth: ?\d$/i,
  /^text-align: ?(?:left|right|center)$/i
];
const CLASS = /^(?:(?:tml|chr|wbk|ff|oml)-[\w-]{1,30}|mathcal|mathscr|upstrike|downstrike|special-fraction)$/;
const MAX_VALUE = 400;
/** What stands for `style` until the nodes are there: a strict policy lets no attribute of that name be parsed. */
const HELD = 'data-aichat-style';

const CONFIG: Config = {
  TRUSTED_TYPES_POLICY,
  USE_PROFILES: { mathMl: true },
  ADD_ATTR: ['class', HELD, 'stretchy', 'form', 'fence', 'lspace', 'rspace', 'linethickness', 'scriptlevel'],
  ADD_URI_SAFE_ATTR: [HELD], // `display: block` would be taken for an address
  FORBID_ATTR: ['href', 'xlink:href', 'id', 'name', 'src', 'style'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true
};

/** An instance of its own: MathML never enters through Markdown. */
const purify = DOMPurify(window);

purify.addHook('uponSanitizeAttribute', (_node, data) => {
  if (data.attrName === HELD) {
    data.keepAttr = every(data.attrValue, ';', piece => DECLARATIONS.some(allowed => allowed.test(piece)));
  } else if (data.attrName === 'class') {
    data.keepAttr = every(data.attrValue, /\s+/, piece => CLASS.test(piece));
  }
});

function every(value: string, separator: RegExp | string, allowed: (piece: string) => boolean): boolean {
  const pieces = value.length < MAX_VALUE ? value.split(separator).map(piece => piece.trim()) : [value];
  return pieces.every(piece => !piece || (piece.length < MAX_VALUE && allowed(piece)));
}

/** MathML from the LaTeX renderer, as nodes. */
export function sanitizeMath(mathml: string): DocumentFragment {
  const held = mathml.replace(/ style="/g, ` ${HELD}="`); // in text the renderer escapes the quote
  const nodes = purify.sanitize(held, CONFIG) as unknown as DocumentFragment;
  for (const element of nodes.querySelectorAll<MathMLElement>(`[${HELD}]`)) {
    dress(element, element.getAttribute(HELD) ?? '');
    element.removeAttribute(HELD);
  }
  return nodes;
}

/** Sets a style as scripts may also under a strict policy; what has no MathML has no other way than the attribute. */
function dress(element: Partial<ElementCSSInlineStyle> & Element, style: string): void {
  if (element.style) {
    element.style.cssText = style;
  } else {
    element.setAttribute('style', style);
  }
}
