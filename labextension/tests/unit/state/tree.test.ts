import { expect, test } from 'vitest';
import { Branch } from '../../../src/ui/state/branch';
import { Tree, type Node } from '../../../src/ui/state/tree';
import { below, pick, seeded } from '../random';

/** Messages in the order in which they came: each below an earlier one, or a root. */
function randomNodes(seed: number): Node[] {
  const random = seeded(seed);
  const nodes: Node[] = [];
  for (let n = 1; n <= 1 + below(random, 60); n++) {
    const parent = random() < 0.1 || !nodes.length ? null : pick(random, nodes).id;
    nodes.push({ id: `m${n}`, parentId: parent, n });
  }
  return nodes;
}

const shuffled = (nodes: readonly Node[], seed: number): Node[] => {
  const random = seeded(seed);
  return nodes
    .map(node => ({ node, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ node }) => node);
};

const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

test('a path leads from a root to its leaf, each message below the one before', () => {
  for (const seed of SEEDS) {
    const nodes = randomNodes(seed);
    const byId = new Map(nodes.map(node => [node.id, node]));
    const tree = new Tree(shuffled(nodes, seed));
    for (const { id } of nodes) {
      const path = tree.path(id);
      expect(path.at(-1)).toBe(id);
      expect(path.map(step => byId.get(step)!.parentId)).toEqual([null, ...path.slice(0, -1)]);
    }
  }
});

test('siblings have one parent, stand in the order of their numbers, and are all of them', () => {
  for (const seed of SEEDS) {
    const nodes = randomNodes(seed);
    const tree = new Tree(shuffled(nodes, seed));
    for (const { id, parentId } of nodes) {
      expect(tree.siblings(id)).toEqual(nodes.filter(node => node.parentId === parentId).map(node => node.id));
    }
  }
});

test('the newest leaf is below where one looks, has nothing below it, and takes the newest turn each time', () => {
  for (const seed of SEEDS) {
    const nodes = randomNodes(seed);
    const tree = new Tree(shuffled(nodes, seed));
    for (const start of [null, ...nodes.map(node => node.id)]) {
      const leaf = tree.newestLeaf(start)!;
      expect(nodes.some(node => node.parentId === leaf)).toBe(false);
      const path = tree.path(leaf);
      const from = start === null ? 0 : path.indexOf(start) + 1;
      expect(start === null || from > 0).toBe(true);
      for (const step of path.slice(from)) {
        expect(tree.siblings(step).at(-1)).toBe(step);
      }
    }
  }
});

test('a path of which only the end is known begins where it is known', () => {
  const tree = new Tree([
    { id: 'b', parentId: 'a', n: 2 },
    { id: 'c', parentId: 'b', n: 3 }
  ]);
  expect(tree.path('c')).toEqual(['b', 'c']);
  expect(tree.path('unknown')).toEqual([]);
  expect(tree.path(null)).toEqual([]);
});

test('a branch goes along with what is added below it, and with nothing else', () => {
  for (const seed of SEEDS) {
    const nodes = randomNodes(seed);
    const branch = new Branch();
    let shown: readonly string[] = [];
    nodes.forEach((node, i) => {
      const end = shown.at(-1);
      branch.update(nodes.slice(0, i + 1));
      const path = branch.path.get();
      expect(path).toEqual(end === undefined || node.parentId === end ? [...shown, node.id] : shown);
      shown = path;
    });
  }
});

test('a branch whose end is gone shows another', () => {
  const nodes = [
    { id: 'q', parentId: null, n: 1 },
    { id: 'a1', parentId: 'q', n: 2 },
    { id: 'a2', parentId: 'q', n: 3 }
  ];
  const branch = new Branch();
  branch.update(nodes);
  branch.show('a1');
  expect(branch.path.get()).toEqual(['q', 'a1']);
  branch.update([nodes[0], nodes[2]]);
  expect(branch.path.get()).toEqual(['q', 'a2']);
  branch.update([]);
  expect(branch.path.get()).toEqual([]);
});

test('a path that did not change is the same value, so nobody is woken', () => {
  const branch = new Branch();
  branch.update(randomNodes(1));
  const path = branch.path.get();
  branch.update(randomNodes(1));
  expect(branch.path.get()).toBe(path);
});
