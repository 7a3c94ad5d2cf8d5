/** Nodes with a TTL, the next to expire first. */
import type { TreeNode } from './node.ts'

export class ExpiryHeap {
  private readonly nodes: TreeNode[] = []

  get size(): number {
    return this.nodes.length
  }

  get first(): TreeNode | undefined {
    return this.nodes[0]
  }

  add(node: TreeNode): void {
    this.nodes.push(node)
    this.rise(node, this.nodes.length - 1)
  }

  /** Takes the node out, if it is in. */
  remove(node: TreeNode): void {
    const place = node.heapPlace
    if (place < 0) return
    node.heapPlace = -1
    const last = this.nodes.pop()!
    if (last === node) return
    this.sink(last, place)
    this.rise(last, last.heapPlace)
  }

  clear(): void {
    this.nodes.length = 0
  }

  private rise(node: TreeNode, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.nodes[above]!
      if (isBefore(parent, node)) break
      this.put(parent, place)
      place = above
    }
    this.put(node, place)
  }

  private sink(node: TreeNode, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.nodes.length) break
      const right = this.nodes[below + 1]
      if (right !== undefined && isBefore(right, this.nodes[below]!)) below++
      const child = this.nodes[below]!
      if (isBefore(node, child)) break
      this.put(child, place)
      place = below
    }
    this.put(node, place)
  }

  private put(node: TreeNode, place: number): void {
    this.nodes[place] = node
    node.heapPlace = place
  }
}

/** Ties by path: every member, restored from a snapshot or not, must expire in the same order. */
function isBefore(a: TreeNode, b: TreeNode): boolean {
  return a.expiration < b.expiration || (a.expiration === b.expiration && a.path < b.path)
}
