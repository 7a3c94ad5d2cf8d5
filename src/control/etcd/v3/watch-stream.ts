/** One client's stream of watches (etcdserver/api/v3rpc/watch.go of etcd 3.4). */
import { encodeLine } from './encode.ts'
import { WATCH_RESPONSE } from './messages.ts'
import type { KeyRecord, MvccStore } from './mvcc-store.ts'
import type { Header, KeyValue, WatchCreateRequest, WatchEvent, WatchRequest } from './types.ts'
import type { WatchBatch, Watcher, WatchHub } from './watch-hub.ts'

/**
 * Takes one line, with its end. False when it has no room: events, and the news of a compaction,
 * are offered again by `syncWatchers`; the answers to requests are not, and must be taken.
 */
export type WatchSink = (line: string) => boolean

export interface WatchStreamHost {
  readonly hub: WatchHub
  readonly store: MvccStore
  header(revision: number): Header
}

interface WatchResponse {
  readonly watchId: string
  readonly created?: boolean
  readonly canceled?: boolean
  readonly compactRevision?: number
  readonly cancelReason?: string
  readonly events?: readonly WatchEvent[]
}

interface OpenWatch {
  readonly watcher: Watcher
  readonly wantsProgress: boolean
  /** It was told of something since the last progress tick. */
  isFresh: boolean
}

const INVALID_ID = '-1'
const AUTO_ID = '0'

/** What was encoded last, of one change alone. */
let lastLine: { readonly change: KeyRecord | null; readonly key: string; readonly text: string } = {
  change: null,
  key: '',
  text: '',
}

export class WatchStream {
  private readonly host: WatchStreamHost
  private readonly sink: WatchSink
  private readonly watches = new Map<string, OpenWatch>()
  private nextId = 0

  constructor(host: WatchStreamHost, sink: WatchSink) {
    this.host = host
    this.sink = sink
  }

  /** Requests that the client sent, in order. */
  receive(requests: readonly WatchRequest[]): void {
    for (const { createRequest, cancelRequest, progressRequest } of requests) {
      if (createRequest !== undefined) this.create(createRequest)
      else if (cancelRequest !== undefined) this.cancel(cancelRequest.watchId)
      else if (progressRequest !== undefined) this.tell({ watchId: INVALID_ID })
    }
  }

  private create(request: WatchCreateRequest): void {
    const { hub, store } = this.host
    // etcd begins at its smallest key when none is given.
    const key = request.key === '' ? '\0' : request.key
    const fault = this.faultOf(request, key)
    if (fault !== undefined) {
      const response = { watchId: INVALID_ID, created: true, canceled: true, cancelReason: fault }
      this.tell(response)
      return
    }
    const id = request.watchId === AUTO_ID ? this.freeId() : request.watchId
    this.tell({ watchId: id, created: true })
    const watcher = hub.add({
      key,
      rangeEnd: request.rangeEnd,
      startRevision: request.startRevision === 0 ? store.revision + 1 : request.startRevision,
      wants: wantsOf(request.filters),
      onBatch: (batch) => this.tellEvents(id, batch, request.prevKv),
      onCompacted: (compactRevision) =>
        this.tell({ watchId: id, canceled: true, compactRevision }, 0),
    })
    this.watches.set(id, { watcher, wantsProgress: request.progressNotify, isFresh: false })
  }

  private faultOf({ rangeEnd, watchId }: WatchCreateRequest, key: string): string | undefined {
    const isEmpty = rangeEnd !== '' && rangeEnd !== '\0' && key >= rangeEnd
    if (isEmpty) return 'mvcc: watcher range is empty'
    if (watchId !== AUTO_ID && this.watches.has(watchId)) {
      return 'mvcc: duplicate watch ID provided on the WatchStream'
    }
    return undefined
  }

  private freeId(): string {
    while (this.watches.has(String(this.nextId))) this.nextId++
    return String(this.nextId++)
  }

  private cancel(id: string): void {
    const watch = this.watches.get(id)
    if (watch === undefined) return
    this.host.hub.delete(watch.watcher)
    this.watches.delete(id)
    this.tell({ watchId: id, canceled: true })
  }

  /** Tells those that asked for it, and are up to date, how far they are. Every 10 min or so. */
  progress(): void {
    for (const [id, watch] of this.watches) {
      if (!watch.wantsProgress) continue
      if (!watch.isFresh && this.host.hub.isSynced(watch.watcher)) this.tell({ watchId: id })
      watch.isFresh = false
    }
  }

  close(): void {
    for (const { watcher } of this.watches.values()) this.host.hub.delete(watcher)
    this.watches.clear()
  }

  private tellEvents(id: string, { changes, revision }: WatchBatch, withPrevKv: boolean): boolean {
    const line = this.lineOf(id, { changes, revision }, withPrevKv)
    if (!this.sink(line)) return false
    const watch = this.watches.get(id)
    if (watch !== undefined) watch.isFresh = true
    return true
  }

  /** Most watchers of a member are told the same of one change: it is encoded once. */
  private lineOf(id: string, { changes, revision }: WatchBatch, withPrevKv: boolean): string {
    const header = this.host.header(revision)
    const [change] = changes
    const isAlone = changes.length === 1 && !withPrevKv
    const key = isAlone ? `${id} ${header.memberId} ${header.raftTerm} ${revision}` : ''
    if (isAlone && lastLine.change === change && lastLine.key === key) return lastLine.text
    const events = changes.map((each) => this.eventOf(each, withPrevKv))
    const text = encodeLine(WATCH_RESPONSE, { header, watchId: id, events })
    if (isAlone) lastLine = { change: change!, key, text }
    return text
  }

  private eventOf(change: KeyRecord, withPrevKv: boolean): WatchEvent {
    const event = { type: change.deleted ? 'DELETE' : 'PUT', kv: change } as const
    const prevKv = withPrevKv ? this.before(change) : undefined
    return prevKv === undefined ? event : { ...event, prevKv }
  }

  /** What the change replaced; nothing once that is compacted. */
  private before(change: KeyRecord): KeyValue | undefined {
    const { store } = this.host
    const revision = change.modRevision - 1
    if (!change.deleted && change.createRevision === change.modRevision) return undefined
    return revision < store.compactRevision ? undefined : store.get(change.key, revision)
  }

  private tell(response: WatchResponse, revision = this.host.store.revision): boolean {
    const header = this.host.header(revision)
    return this.sink(encodeLine(WATCH_RESPONSE, { header, ...response }))
  }
}

function wantsOf(filters: readonly string[]): (change: KeyRecord) => boolean {
  const [noPut, noDelete] = [filters.includes('NOPUT'), filters.includes('NODELETE')]
  return ({ deleted }) => (deleted ? !noDelete : !noPut)
}
