import type { MessageView } from './message-view';

export type Node = Pick<MessageView, 'id' | 'parentId' | 'n'>;

/** The messages of a chat as a tree: editing and regenerating add siblings, and one branch is shown. */
export class Tree {
  private readonly nodes = new Map<string, Node>();
  private readonly children = new Map<string | null, string[]>();

  constructor(nodes: readonly Node[]) {
    for (const node of [...nodes].sort((a, b) => a.n - b.n)) {
      this.nodes.set(node.id, node);
      const siblings = this.children.get(node.parentId);
      if (siblings) {
        siblings.push(node.id);
      } else {
        this.children.set(node.parentId, [node.id]);
      }
    }
  }

  has = (id: string | null): boolean => id !== null && this.nodes.has(id);

  /** From the root to the leaf. */
  path(leaf: string | null): string[] {
    const path: string[] = [];
    for (let node = this.nodes.get(leaf ?? ''); node; node = this.nodes.get(node.parentId ?? '')) {
      path.push(node.id);
    }
    return path.reverse();
  }

  siblings(id: string): readonly string[] {
    const node = this.nodes.get(id);
    return (node && this.children.get(node.parentId)) ?? [];
  }

  /** The newest message below `id`, itself if nothing is. */
  newestLeaf(id: string | null): string | null {
    let leaf = id;
    for (let below = this.children.get(leaf); below?.length; below = this.children.get(leaf)) {
      leaf = below[below.length - 1];
    }
    return leaf;
  }
}
