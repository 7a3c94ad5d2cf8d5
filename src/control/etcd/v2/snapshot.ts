/** The tree as a JSON value and back. */
import { PERMANENT } from './expiration.ts'
import { newDirectory, TreeNode } from './node.ts'

export interface TreeSnapshot {
  /** The last part of the path; '' is the root. */
  readonly name: string
  readonly createdIndex: number
  readonly modifiedIndex: number
  /** Absent: permanent. */
  readonly expiration?: number
  /** Of a file. */
  readonly value?: string
  /** Of a directory, in the order of their creation. */
  readonly children?: readonly TreeSnapshot[]
}

export function snapshotTree(node: TreeNode): TreeSnapshot {
  const { name, createdIndex, modifiedIndex, expiration, value, children } = node
  return {
    name,
    createdIndex,
    modifiedIndex,
    ...(expiration === PERMANENT ? {} : { expiration }),
    ...(children === null ? { value } : { children: [...children.values()].map(snapshotTree) }),
  }
}

/** @param onExpiring called with every node that has an expiration */
export function restoreTree(
  from: TreeSnapshot,
  parent: TreeNode | null,
  onExpiring: (node: TreeNode) => void,
): TreeNode {
  const expiration = from.expiration ?? PERMANENT
  const path = parent === null ? '/' : `${parent.path === '/' ? '' : parent.path}/${from.name}`
  const node =
    from.value === undefined
      ? newDirectory(path, parent, from.createdIndex, expiration)
      : new TreeNode(path, parent, from.createdIndex, from.value, expiration)
  node.modifiedIndex = from.modifiedIndex
  for (const child of from.children ?? []) {
    node.children!.set(child.name, restoreTree(child, node, onExpiring))
  }
  if (expiration !== PERMANENT) onExpiring(node)
  return node
}
