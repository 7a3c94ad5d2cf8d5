import type { StoredKey } from '../../cluster/store.ts'
import { textOf } from '../../http/text.ts'
import { fromBase64 } from '../http/bytes.ts'
import type { StateStore } from '../store/state-store.ts'

/** The keys and values of a server as they stand in its own copy. */
export function storedKeys({ kv }: StateStore): StoredKey[] {
  return kv.list('').map(({ key, value, modifyIndex }) => ({
    key,
    value: textOf(fromBase64(value ?? '')),
    revision: modifyIndex,
    space: 'kv',
  }))
}
