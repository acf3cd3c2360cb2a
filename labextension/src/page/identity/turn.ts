/** A tab that holds the turn for so long is stuck, and the others go on (ms). */
const PATIENCE_MS = 20_000;

/** Does something while no other tab does it, where the browser can lock; by itself the same tab never does it twice. */
export async function oneAtATime<T>(name: string, act: () => Promise<T>): Promise<T> {
  const { locks } = navigator;
  if (!locks) {
    return act(); // plain HTTP beyond this machine
  }
  let begun = false;
  const once = (): Promise<T> => {
    begun = true;
    return act();
  };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return locks.request(`jupyter_aichat:${name}`, { signal }, once).catch((error: unknown) => {
    if (begun) {
      throw error;
    }
    return act();
  }) as Promise<T>;
}
