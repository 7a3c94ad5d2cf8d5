import type { V2Keys } from '../../../control/etcd/client/v2-keys.ts'
import {
  isV2Failure,
  V2_EVENT_INDEX_CLEARED,
  V2_KEY_NOT_FOUND,
  type V2Failure,
  V2KeysError,
  type V2Response,
} from '../../../control/etcd/client/v2-messages.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Receiver, WatchRoot } from './client.ts'
import type { Update } from './model.ts'
import { decodeValue } from './v2-decode.ts'
import { type Place, parsePath, rootPath } from './v2-keys.ts'
import { filesOf } from './v2-tree.ts'

/** Between attempts, to list or to poll (libcalico-go 1.7, lib/backend/etcd/syncer.go). */
const RETRY = SECOND

const REMOVALS = ['delete', 'compareAndDelete', 'expire']

/** A file, and the index of its last change. */
interface File {
  readonly text: string
  readonly index: number
}

/**
 * Lists parts of the tree and follows them by long polls, one event each. Where events were missed (the
 * history has 1000) the part is read again, and only what differs is told.
 */
export class V2Syncer {
  private readonly program: Program
  private readonly keys: V2Keys
  private readonly receiver: Receiver
  /** Directories that have not been read yet. */
  private unsynced = 0
  /** What the keys of each value say, by part; parts may come from several directories. */
  private readonly values = new Map<string, Map<string, string>>()

  constructor(program: Program, keys: V2Keys, receiver: Receiver) {
    this.program = program
    this.keys = keys
    this.receiver = receiver
  }

  /** One process a directory; returns when all have been started. */
  *run(roots: readonly WatchRoot[]): Process {
    const directories = new Set(roots.map(rootPath))
    this.unsynced = directories.size
    for (const directory of directories) this.program.spawn(this.follow(directory))
  }

  private *follow(directory: string): Process {
    const files = new Map<string, File>()
    let isFirst = true
    for (;;) {
      const index = yield* this.list(directory, files)
      if (isFirst) this.noteSynced()
      isFirst = false
      yield* this.watch(directory, files, index)
    }
  }

  private noteSynced(): void {
    this.unsynced--
    if (this.unsynced === 0) this.receiver.onInSync()
  }

  /** @returns the store's index at the time. */
  private *list(directory: string, files: Map<string, File>): Process<number> {
    for (;;) {
      const answer = yield* this.keys.get(directory, { recursive: true })
      if (!isV2Failure(answer)) {
        this.takeList(answer, files)
        return answer.index
      }
      if (hasCode(answer, V2_KEY_NOT_FOUND)) {
        this.takeList(null, files)
        return answer.index
      }
      this.program.log.push(`Error getting snapshot, retrying... ${answer.text}`)
      yield* sleep(RETRY)
    }
  }

  private takeList(answer: V2Response | null, files: Map<string, File>): void {
    const present = new Map(
      (answer === null ? [] : filesOf(answer.node)).map((node) => [node.key, node]),
    )
    const changed = new Map<string, Place>()
    for (const path of [...files.keys()]) {
      if (!present.has(path)) this.note(path, null, files, changed)
    }
    for (const [path, { value = '', modifiedIndex: index }] of present) {
      if (files.get(path)?.index !== index) this.note(path, { text: value, index }, files, changed)
    }
    this.tell(changed)
  }

  /** Until events were missed. */
  private *watch(directory: string, files: Map<string, File>, index: number): Process {
    const watcher = this.keys.watcher(directory, { recursive: true, afterIndex: index })
    for (;;) {
      const event = yield* watcher.next()
      if (!isV2Failure(event)) this.takeEvent(event, files)
      else if (hasCode(event, V2_EVENT_INDEX_CLEARED)) {
        this.program.log.push(`Lost sync with etcd, restarting watcher. ${event.text}`)
        return
      } else yield* sleep(RETRY)
    }
  }

  private takeEvent({ action, node }: V2Response, files: Map<string, File>): void {
    const changed = new Map<string, Place>()
    const { key: path, dir = false, value = '', modifiedIndex: index } = node
    if (!REMOVALS.includes(action)) {
      if (!dir) this.note(path, { text: value, index }, files, changed)
    } else if (files.has(path)) this.note(path, null, files, changed)
    else {
      // A directory went with all that was in it: there is one event.
      const inside = [...files.keys()].filter((file) => file.startsWith(`${path}/`))
      for (const file of inside) this.note(file, null, files, changed)
    }
    this.tell(changed)
  }

  /** @param file null = it is gone. @param changed gets the value that it is a part of. */
  private note(
    path: string,
    file: File | null,
    files: Map<string, File>,
    changed: Map<string, Place>,
  ): void {
    if (file === null) files.delete(path)
    else files.set(path, file)
    const place = parsePath(path)
    if (place === null) return
    const id = `${place.kind} ${place.key}`
    const parts = this.values.get(id) ?? new Map<string, string>()
    this.values.set(id, parts)
    if (file === null) parts.delete(place.part)
    else parts.set(place.part, file.text)
    changed.set(id, place)
  }

  private tell(changed: ReadonlyMap<string, Place>): void {
    if (changed.size === 0) return
    const updates = [...changed].map(([id, { kind, key }]) => {
      const parts = this.values.get(id)!
      if (parts.size === 0) this.values.delete(id)
      return { kind, key, value: decodeValue(kind, key, parts) } as Update
    })
    this.receiver.onUpdates(updates)
  }
}

function hasCode(failure: V2Failure, code: number): failure is V2KeysError {
  return failure instanceof V2KeysError && failure.code === code
}
