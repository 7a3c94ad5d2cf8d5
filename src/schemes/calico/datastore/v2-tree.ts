import type { V2KeyNode } from '../../../control/etcd/client/v2-messages.ts'

/** The files of a part of the tree. */
export function filesOf(node: V2KeyNode): V2KeyNode[] {
  if (node.nodes !== undefined) return node.nodes.flatMap(filesOf)
  return node.value === undefined ? [] : [node]
}
