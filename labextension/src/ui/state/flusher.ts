import { flushSync } from 'react-dom';

const FRAME_MS = 16;
const HIDDEN_MS = 500;
/** What costs less may be done with every frame. */
const CHEAP_MS = 4;
/** Work is paid for with this many times its own length. */
const SHARE = 6;

/** Runs `work` at most once a frame, and so that it takes at most a sixth of the main thread. */
export class Flusher {
  private asked = false;
  private notBefore = 0;

  constructor(private readonly work: () => void) {}

  ask(): void {
    if (this.asked) {
      return;
    }
    this.asked = true;
    const wait = this.notBefore - performance.now();
    if (document.hidden) {
      setTimeout(this.go, Math.max(wait, HIDDEN_MS)); // frames stop in a hidden tab
    } else if (wait > FRAME_MS) {
      setTimeout(() => requestAnimationFrame(this.go), wait - FRAME_MS / 2);
    } else {
      requestAnimationFrame(this.go);
    }
  }

  private go = (): void => {
    this.asked = false;
    const start = performance.now();
    flushSync(this.work);
    setTimeout(() => {
      // after style, layout and paint of this frame
      const cost = performance.now() - start;
      this.notBefore = start + (cost > CHEAP_MS ? SHARE * cost : 0);
    });
  };
}
