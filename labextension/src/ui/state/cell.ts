import { useSyncExternalStore } from 'react';

/** A value that a component subscribes to. */
export interface Cell<T> {
  get(): T;
  subscribe(listener: () => void): () => void;
}

export class Value<T> implements Cell<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get = (): T => this.value;

  set(value: T): void {
    if (value !== this.value) {
      this.value = value;
      this.listeners.forEach(listener => listener());
    }
  }

  update(change: Partial<T>): void {
    this.set({ ...this.value, ...change });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

export const useCell = <T>(cell: Cell<T>): T => useSyncExternalStore(cell.subscribe, cell.get);
