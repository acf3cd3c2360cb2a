/** `seq` is `epoch · 2³² + n`: `n` counts from 1 without a hole within an epoch. */
const EPOCH = 2 ** 32;

/** Whether an event comes right after what was seen. A new epoch begins with a snapshot, unless nothing came before. */
export const follows = (seen: number, seq: number): boolean => seq === seen + 1 || (seen === 0 && seq % EPOCH === 1);
