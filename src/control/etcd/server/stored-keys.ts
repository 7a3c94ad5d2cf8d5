import type { StoredKey } from '../../cluster/store.ts'
import { V2Error } from '../v2/errors.ts'
import type { V2Node } from '../v2/event.ts'
import { KEYS_ROOT } from '../v2/tree.ts'
import type { EtcdServer } from './server.ts'

/** Both key spaces of a member as they stand in its own copy: v2 by its tree, v3 by bytes. */
export function storedKeys({ v2Store, v3, program }: EtcdServer): StoredKey[] {
  const root = v2Store.get(KEYS_ROOT, true, true, program.wallClock)
  const v2 = root instanceof V2Error ? [] : leavesOf(root.node)
  const v3Keys = [...v3.keys()].map(({ key, value, modRevision }) => ({
    key,
    value,
    revision: modRevision,
    space: 'v3',
  }))
  return [...v2, ...v3Keys]
}

function leavesOf(node: V2Node): StoredKey[] {
  const { key, value, nodes, modifiedIndex } = node
  if (nodes !== undefined) return nodes.flatMap(leavesOf)
  if (value === undefined) return []
  return [{ key: key.slice(KEYS_ROOT.length), value, revision: modifiedIndex, space: 'v2' }]
}
