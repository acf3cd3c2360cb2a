import type { ServerFrame } from '../protocol.generated';

/** Reads a message's frames, one a line. A line that is none is left out: the hole in the numbers is noticed. */
export function readFrames(text: string, take: (frame: ServerFrame) => void): void {
  for (const line of text.split('\n')) {
    const frame = parse(line);
    if (isFrame(frame)) {
      take(frame);
    }
  }
}

/** Reads a run's server-sent event, which is an event frame without its type. */
export function readEvent(data: string, take: (frame: ServerFrame) => void): void {
  const value = parse(data);
  if (typeof value === 'object' && value !== null) {
    const frame = { ...value, type: 'event' };
    if (isFrame(frame)) {
      take(frame);
    }
  }
}

function parse(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Enough of a look that a stray object harms nobody. */
function isFrame(value: unknown): value is ServerFrame {
  if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string') {
    return false;
  }
  return value.type !== 'event' || isEvent(value);
}

function isEvent(frame: object): boolean {
  const { run_id: runId, seq, event } = frame as Record<string, unknown>;
  return (
    typeof runId === 'string' &&
    typeof seq === 'number' &&
    typeof event === 'object' &&
    event !== null &&
    'type' in event
  );
}
