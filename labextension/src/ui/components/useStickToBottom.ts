import * as React from 'react';

const NEAR_PX = 40;
const FALLBACK_LINE_PX = 20;

interface Sticking {
  /** The reader has scrolled up. */
  away: boolean;
  /** How many lines have come meanwhile. */
  grown: number;
  toBottom(): void;
}

/**
 * Keeps the newest text in view unless the reader has scrolled up.
 *
 * Text grows between our scroll and its event, so the distance alone would unpin by itself: only a scroll *upwards* does.
 */
export function useStickToBottom(ref: React.RefObject<HTMLElement>, count: number): Sticking {
  const pinned = React.useRef(true);
  const [away, setAway] = React.useState(false);
  const [grown, setGrown] = React.useState(0);
  const left = React.useRef(0);
  const toBottom = React.useCallback(() => {
    const element = ref.current;
    if (element) {
      pinned.current = true;
      element.scrollTop = element.scrollHeight;
      setAway(false);
      setGrown(0);
    }
  }, [ref]);
  React.useLayoutEffect(toBottom, [toBottom, count]);
  React.useEffect(() => {
    const element = ref.current!;
    let last = element.scrollTop;
    const onScroll = (): void => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
      if (element.scrollTop < last - 1 && !near) {
        left.current = pinned.current ? element.scrollHeight : left.current;
        pinned.current = false;
      } else if (near) {
        pinned.current = true;
        setGrown(0);
      }
      last = element.scrollTop;
      setAway(!pinned.current);
    };
    let width = element.clientWidth;
    const follow = (): void => {
      if (element.clientWidth !== width) {
        width = element.clientWidth; // the same lines, broken otherwise
        left.current = element.scrollHeight;
      }
      if (pinned.current) {
        element.scrollTop = element.scrollHeight;
        last = element.scrollTop;
      } else if (element.scrollHeight > left.current + NEAR_PX) {
        setGrown(Math.round((element.scrollHeight - left.current) / lineHeight(element)));
      }
    };
    const sizes = new ResizeObserver(follow);
    const watch = (): void => {
      sizes.disconnect();
      sizes.observe(element);
      [...element.children].forEach(child => sizes.observe(child));
      follow();
    };
    const rows = new MutationObserver(watch);
    rows.observe(element, { childList: true });
    watch();
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      rows.disconnect();
      sizes.disconnect();
      element.removeEventListener('scroll', onScroll);
    };
  }, [ref]);
  return { away, grown, toBottom };
}

/** The height of a line of text (px). */
function lineHeight(element: HTMLElement): number {
  const text = element.querySelector('.aichat-text') ?? element;
  return parseFloat(getComputedStyle(text).lineHeight) || FALLBACK_LINE_PX;
}
