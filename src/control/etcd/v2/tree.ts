/** Ways through the tree: paths to nodes. Paths are absolute and clean. */
import { KEY_NOT_FOUND, NOT_A_DIRECTORY, V2Error } from './errors.ts'
import { newDirectory, type TreeNode } from './node.ts'

/** Where etcd keeps its members and its version, and where it keeps the clients' keys. */
export const CLUSTER_ROOT = '/0'
export const KEYS_ROOT = '/1'

/** No client may write or delete these. */
export const READ_ONLY: ReadonlySet<string> = new Set(['/', CLUSTER_ROOT, KEYS_ROOT])

export class Tree {
  root: TreeNode

  constructor() {
    this.root = newDirectory('/', null, 0)
    for (const path of [CLUSTER_ROOT, KEYS_ROOT]) {
      this.root.children!.set(path.slice(1), newDirectory(path, this.root, 0))
    }
  }

  /** @param index the store's, for the error */
  find(path: string, index: number): TreeNode | V2Error {
    let node = this.root
    for (let start = 1; start < path.length; ) {
      if (node.children === null) return new V2Error(NOT_A_DIRECTORY, node.path, index)
      const end = endOfName(path, start)
      const child = node.children.get(path.slice(start, end))
      if (child === undefined) return new V2Error(KEY_NOT_FOUND, path.slice(0, end), index)
      node = child
      start = end + 1
    }
    return node
  }

  /**
   * The directory that `path` lies in, made on the way if need be, with the index of the change to
   * come: such directories are no event of their own.
   */
  directoryOf(path: string, index: number): TreeNode | V2Error {
    let node = this.root
    const last = path.lastIndexOf('/')
    for (let start = 1; start < last; ) {
      const end = endOfName(path, start)
      const name = path.slice(start, end)
      const siblings = node.children!
      let child = siblings.get(name)
      if (child === undefined) {
        child = newDirectory(path.slice(0, end), node, index + 1)
        siblings.set(name, child)
      }
      if (child.children === null) return new V2Error(NOT_A_DIRECTORY, child.path, index)
      node = child
      start = end + 1
    }
    return node
  }
}

function endOfName(path: string, start: number): number {
  const slash = path.indexOf('/', start)
  return slash < 0 ? path.length : slash
}
