/** Range requests (etcdserver/apply.go of etcd 3.4). */
import { RPC_ERRORS, type RpcError } from './errors.ts'
import { compareStrings } from './lessor.ts'
import type { MvccStore } from './mvcc-store.ts'
import type { KeyValue, RangeRequest, RangeResponse } from './types.ts'

type Order = (a: KeyValue, b: KeyValue) => number

const ORDERS: ReadonlyMap<string, Order> = new Map<string, Order>([
  ['KEY', (a, b) => compareStrings(a.key, b.key)],
  ['VERSION', (a, b) => a.version - b.version],
  ['CREATE', (a, b) => a.createRevision - b.createRevision],
  ['MOD', (a, b) => a.modRevision - b.modRevision],
  ['VALUE', (a, b) => compareStrings(a.value, b.value)],
])

/**
 * @param current the present revision: within a transaction that has changed something, the one
 * that it is about to make.
 */
export function readRange(
  store: MvccStore,
  request: RangeRequest,
  current: number,
): RangeResponse | RpcError {
  if (request.revision > current) return RPC_ERRORS.futureRevision
  const revision = request.revision <= 0 ? current : request.revision
  if (revision < store.compactRevision) return RPC_ERRORS.compacted
  const header = { revision: current }
  const all: readonly KeyValue[] = store.range(request, revision)
  const count = all.length
  if (request.countOnly) return { header, kvs: [], more: false, count }
  const sorted = ordered(pruned(fetched(all, request), request), request)
  const more = request.limit > 0 && sorted.length > request.limit
  const kvs = more ? sorted.slice(0, request.limit) : sorted
  return { header, kvs: request.keysOnly ? kvs.map(withoutValue) : kvs, more, count }
}

/**
 * Without an explicit order etcd 3.4 reads only the limit and one more, in the order of the keys,
 * even when it sorts them by something else afterwards.
 */
function fetched(kvs: readonly KeyValue[], request: RangeRequest): readonly KeyValue[] {
  const { limit, sortOrder, minModRevision, maxModRevision } = request
  const { minCreateRevision, maxCreateRevision } = request
  const bounds = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision]
  const isLimited = limit > 0 && sortOrder === 'NONE' && bounds.every((bound) => bound === 0)
  return isLimited && kvs.length > limit + 1 ? kvs.slice(0, limit + 1) : kvs
}

function pruned(kvs: readonly KeyValue[], request: RangeRequest): readonly KeyValue[] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const tests: ((kv: KeyValue) => boolean)[] = []
  if (maxModRevision !== 0) tests.push((kv) => kv.modRevision <= maxModRevision)
  if (minModRevision !== 0) tests.push((kv) => kv.modRevision >= minModRevision)
  if (maxCreateRevision !== 0) tests.push((kv) => kv.createRevision <= maxCreateRevision)
  if (minCreateRevision !== 0) tests.push((kv) => kv.createRevision >= minCreateRevision)
  return tests.length === 0 ? kvs : kvs.filter((kv) => tests.every((test) => test(kv)))
}

/** Equal ones stay in the order of their keys; a target other than the key is ascending. */
function ordered(kvs: readonly KeyValue[], request: RangeRequest): readonly KeyValue[] {
  const { sortOrder, sortTarget } = request
  const order = ORDERS.get(sortTarget)
  if (order === undefined || (sortOrder === 'NONE' && sortTarget === 'KEY')) return kvs
  if (sortOrder === 'DESCEND') return [...kvs].sort((a, b) => order(b, a))
  return sortOrder === 'ASCEND' || sortOrder === 'NONE' ? [...kvs].sort(order) : kvs
}

function withoutValue(kv: KeyValue): KeyValue {
  return { ...kv, value: '' }
}
