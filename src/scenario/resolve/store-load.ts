import type { StoreApi, StoreLoadModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { StoreSection } from '../schema/store.ts'
import type { WorkloadEntry } from '../schema/workload.ts'
import type { Context } from './context.ts'
import { warmupOf } from './measured.ts'
import { type Ends, endsOf } from './workloads.ts'

type Entry = Extract<WorkloadEntry, { kind: 'kv' }>

export function storeLoadOf(
  context: Context,
  entry: Entry,
  name: string,
  path: Path,
  ends: Ends,
): StoreLoadModel {
  const { kind, at, for: duration, interval = null } = entry
  const { outstanding, keys, size, reads, consistency, watch } = entry
  return {
    kind,
    name,
    at,
    clients: endsOf(context, entry.from, [...path, 'from'], ends, 'sender'),
    api: apiOf(context, entry, path),
    duration,
    warmup: warmupOf(context, entry, path),
    ...{ outstanding, interval, keys, size, reads, consistency, watch },
  }
}

function apiOf(context: Context, { api }: Entry, path: Path): StoreApi {
  const { store } = context.input
  if (store === undefined) {
    if (!context.isBroken('store')) {
      const message = 'there is no store'
      context.report('missing_key', path, message, 'add store: { kind: etcd }')
    }
    return api ?? 'v3'
  }
  const apis = apisOf(store)
  if (api === undefined) return apis[0]!
  if (!apis.includes(api)) {
    const message = `${store.kind} ${store.version} has no API ${api}`
    context.report('conflict', [...path, 'api'], message, apis.join(' or '))
  }
  return api
}

/** The one that its clients use, first. */
function apisOf({ kind, version }: StoreSection): readonly StoreApi[] {
  if (kind === 'consul') return ['kv']
  return version === '2.3' ? ['v2'] : ['v3', 'v2']
}
