import * as React from 'react';
import remend from 'remend';
import type { Trans } from '../i18n';
import type { Block, BlockStream } from './blocks';
import { renderBlock } from './lex';
import { IMAGE_ADDRESS, sanitize } from './sanitize';
import { typeset } from './typeset';

interface Props {
  block: Block;
  stream: BlockStream;
  /** The last block of a text that still grows: its open marks are closed for the time being. */
  open: boolean;
  trans: Trans;
}

/** A block of Markdown. The sanitised fragment goes straight into the document: nothing is parsed after it. */
export function HtmlBlock({ block, stream, open, trans }: Props): React.ReactElement {
  const ref = React.useRef<HTMLDivElement>(null);
  const shown = React.useRef<string>();
  React.useLayoutEffect(() => {
    const element = ref.current!;
    const html = renderBlock(open ? remend(block.raw) : block.raw, stream.links);
    if (html !== shown.current) {
      shown.current = html;
      element.replaceChildren(sanitize(html));
      offerImages(element, trans);
      nameForReaders(element, trans);
      typeset(element);
    }
  }, [block, open, stream, trans]);
  return <div className="aichat-block" dir="auto" ref={ref} />;
}

/** Boxes of a task list have a name, and what scrolls in itself can be reached by keyboard. */
function nameForReaders(block: HTMLElement, trans: Trans): void {
  for (const box of block.querySelectorAll('input')) {
    box.setAttribute('aria-label', box.checked ? trans.__('Done') : trans.__('Open'));
  }
  const first = block.firstElementChild;
  const name = first?.matches('table')
    ? trans.__('Table')
    : first?.matches('.aichat-math-display') && trans.__('Formula');
  if (name) {
    block.tabIndex = 0;
    block.setAttribute('role', 'group');
    block.setAttribute('aria-label', name);
  } else {
    ['tabindex', 'role', 'aria-label'].forEach(attribute => block.removeAttribute(attribute));
  }
}

/** Remote images tell others that they were seen, so a person asks for each. */
function offerImages(root: Element, trans: Trans): void {
  for (const image of root.querySelectorAll<HTMLImageElement>(`img[${IMAGE_ADDRESS}]`)) {
    const address = image.getAttribute(IMAGE_ADDRESS)!;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'aichat-load-image';
    button.textContent = trans.__('Load image from %1', hostOf(address));
    button.title = image.alt;
    button.addEventListener('click', event => {
      event.preventDefault(); // the image may stand in a link
      image.removeAttribute(IMAGE_ADDRESS);
      image.src = address;
      image.hidden = false;
      button.remove();
    });
    image.hidden = true;
    image.before(button);
  }
}

function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}
