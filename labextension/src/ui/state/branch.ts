import { Value } from './cell';
import { Tree, type Node } from './tree';

/** The branch of a chat that is shown. */
export class Branch {
  /** Ids, root first. */
  readonly path = new Value<readonly string[]>([]);
  private tree = new Tree([]);
  private leaf: string | null = null;

  get end(): string | null {
    return this.leaf;
  }

  /** Shows the branch that ends with a message; its newest continuation where there is one. */
  show(leaf: string | null): void {
    this.leaf = leaf;
    this.plan();
  }

  /** The messages have changed. */
  update(nodes: readonly Node[]): void {
    this.tree = new Tree(nodes);
    this.plan();
  }

  siblings = (id: string): readonly string[] => this.tree.siblings(id);

  private plan(): void {
    const known = this.leaf !== null && this.tree.has(this.leaf);
    const leaf = this.tree.newestLeaf(known ? this.leaf : null);
    if (known || leaf !== null) {
      this.leaf = leaf;
    }
    const path = this.tree.path(leaf);
    const before = this.path.get();
    if (path.length !== before.length || path.some((id, i) => id !== before[i])) {
      this.path.set(path);
    }
  }
}
