/** Some of a list, and the opaque cursor to what comes after. */
export interface Page<T> {
  items: readonly T[];
  next: string | null;
}
