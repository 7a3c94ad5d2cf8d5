/** Watchers by the path that they watch, and the history that late ones are served from. */
import { V2Error } from './errors.ts'
import type { V2Event } from './event.ts'
import { EventHistory } from './history.ts'

/** Takes an event; false when its buffer is full, which ends the watch. Must not watch in turn. */
export type Deliver = (event: V2Event) => boolean

export interface WatchOptions {
  readonly path: string
  /** Also what changes below the path. */
  readonly recursive: boolean
  /** Goes on after the first event. */
  readonly stream: boolean
  /** First index of interest. */
  readonly since: number
}

interface Watcher extends WatchOptions {
  readonly deliver: Deliver
}

/** `past` came out of the history: then the watcher is not registered, not even a stream. */
export interface Watch {
  readonly past: V2Event | null
  cancel(): void
}

export class WatcherHub {
  readonly history = new EventHistory()
  private readonly watchers = new Map<string, Set<Watcher>>()

  watch(options: WatchOptions, storeIndex: number, deliver: Deliver): Watch | V2Error {
    const { path, recursive, since } = options
    const past = this.history.scan(path, recursive, since, storeIndex)
    if (past instanceof V2Error) return past
    if (past !== null) return { past, cancel: () => {} }
    const watcher: Watcher = { ...options, deliver }
    const watchers = this.watchers.get(path)
    if (watchers === undefined) this.watchers.set(path, new Set([watcher]))
    else watchers.add(watcher)
    return { past: null, cancel: () => this.remove(watcher) }
  }

  /** Keeps the event and hands it to the watchers of its key and of every directory above. */
  notify(event: V2Event): void {
    this.history.add(event)
    if (this.watchers.size === 0) return
    const { key } = event.node
    this.notifyPath(event, '/', false)
    for (let end = key.indexOf('/', 1); end > 0; end = key.indexOf('/', end + 1)) {
      this.notifyPath(event, key.slice(0, end), false)
    }
    this.notifyPath(event, key, false)
  }

  /** @param removed the path itself is gone, with its directory perhaps */
  notifyPath(event: V2Event, path: string, removed: boolean): void {
    const watchers = this.watchers.get(path)
    if (watchers === undefined) return
    const isSelf = event.node.key === path
    if (!isSelf && isHiddenFrom(path, event.node.key)) return
    for (const watcher of watchers) {
      if (!(watcher.recursive || isSelf || removed)) continue
      if (event.node.modifiedIndex < watcher.since) continue
      const accepted = watcher.deliver(event)
      if (!watcher.stream || !accepted) this.remove(watcher)
    }
  }

  private remove(watcher: Watcher): void {
    const watchers = this.watchers.get(watcher.path)
    if (watchers?.delete(watcher) && watchers.size === 0) this.watchers.delete(watcher.path)
  }
}

/** Below the watched path a name begins with an underscore. */
function isHiddenFrom(watched: string, key: string): boolean {
  return watched.length <= key.length && `/${key.slice(watched.length)}`.includes('/_')
}
