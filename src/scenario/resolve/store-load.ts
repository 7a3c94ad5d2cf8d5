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
  const { kind, at, for: duration, interval = null, compactEvery = null } = entry
  const { outstanding, keys, size, reads, consistency, watch } = entry
  const api = apiOf(context, entry, path)
  checkIntervals(context, entry, api, path)
  checkClients(context, entry, path)
  return {
    kind,
    name,
    at,
    clients: endsOf(context, entry.from, [...path, 'from'], ends, 'sender'),
    api,
    duration,
    warmup: warmupOf(context, entry, path),
    ...{ outstanding, interval, keys, size, reads, consistency, watch, compactEvery },
  }
}

function checkIntervals(context: Context, entry: Entry, api: StoreApi, path: Path): void {
  const { interval, compactEvery } = entry
  if (interval === 0) {
    const remedy = 'a time such as 10ms, or no "interval": one as soon as the other is over'
    context.report('out_of_range', [...path, 'interval'], 'an interval of no length', remedy)
  }
  if (compactEvery === undefined) return
  const at = [...path, 'compactEvery']
  if (compactEvery === 0) {
    context.report('out_of_range', at, 'an interval of no length', 'a time such as 5s')
  } else if (api === 'v2') {
    const message = 'v2 keeps the last 1000 changes and has nothing to compact'
    context.report('conflict', at, message, 'remove it, or api: v3', 'key')
  } else if (api === 'kv') {
    const message = 'Consul keeps no history of changes that could be compacted'
    context.report('conflict', at, message, 'remove it', 'key')
  }
}

/** Programs of one workload go by its name: a host has one. */
function checkClients(context: Context, { from }: Entry, path: Path): void {
  from.forEach((name, i) => {
    if (from.indexOf(name) === i) return
    const remedy = 'once; "outstanding" gives a client more to do'
    context.report('duplicate_name', [...path, 'from', i], `${name} stands there twice`, remedy)
  })
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
  const [first] = apis
  if (first === undefined) {
    const message = 'the API server of Kubernetes has node records, and no keys'
    context.report('conflict', path, message, 'another workload, or store: { kind: etcd }')
    return 'v3'
  }
  if (api === undefined) return first
  if (!apis.includes(api)) {
    const message = `${store.kind} ${store.version} has no API ${api}`
    context.report('conflict', [...path, 'api'], message, apis.join(' or '))
  }
  return api
}

/** The one that its clients use, first. */
function apisOf({ kind, version }: StoreSection): readonly StoreApi[] {
  if (kind === 'consul') return ['kv']
  if (kind === 'kube') return []
  return version === '2.3' ? ['v2'] : ['v3', 'v2']
}
