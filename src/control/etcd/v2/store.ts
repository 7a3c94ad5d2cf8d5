/**
 * etcd's v2 store: a tree of directories and files under one index that every change counts up, kept
 * in memory. Behaviour after etcd 3.4 (api/v2store), its oddities included: clients meet them.
 *
 * Paths are absolute and clean. `now` is the wall clock of the member that holds this copy, in
 * picoseconds since the simulation's epoch: nothing but the `ttl` of answers depends on it.
 */
import {
  COMPARE_FAILED,
  DIRECTORY_NOT_EMPTY,
  KEY_EXISTS,
  NOT_A_FILE,
  ROOT_READ_ONLY,
  V2Error,
} from './errors.ts'
import type { V2Action, V2Event } from './event.ts'
import { MIN_EXPIRATION, PERMANENT } from './expiration.ts'
import { ExpiryHeap } from './expiry-heap.ts'
import { showNode, TreeNode } from './node.ts'
import { RecentListings } from './recent-listings.ts'
import { restoreTree, snapshotTree, type TreeSnapshot } from './snapshot.ts'
import { READ_ONLY, Tree } from './tree.ts'
import { type Deliver, type Watch, WatcherHub } from './watcher-hub.ts'

/** What a write says about time. */
export interface TtlOptions {
  /** Absolute; without it the node is permanent. */
  readonly expiration?: number
  /** Renews the expiration and leaves the value; no watcher sees it. */
  readonly refresh?: boolean
}

/** What a compare-and-swap or compare-and-delete demands: '' and 0 demand nothing. */
export interface Comparison {
  readonly prevValue: string
  readonly prevIndex: number
}

/** The whole store as a JSON value. */
export interface V2Snapshot {
  readonly index: number
  readonly root: TreeSnapshot
  readonly history: readonly V2Event[]
}

export class V2Store {
  /** Of the latest change: X-Etcd-Index. */
  index = 0
  private readonly tree = new Tree()
  private readonly expiries = new ExpiryHeap()
  private readonly hub = new WatcherHub()
  private readonly listings = new RecentListings()

  /** While false, a leader has no reason to propose a SYNC. */
  get hasTtlKeys(): boolean {
    return this.expiries.size > 0
  }

  get(path: string, recursive: boolean, sorted: boolean, now: number): V2Event | V2Error {
    const node = this.tree.find(path, this.index)
    if (node instanceof V2Error) return node
    if (node.children === null) {
      return { action: 'get', node: showNode(node, now), etcdIndex: this.index }
    }
    return this.listings.read(
      node,
      { depth: recursive ? 'recursive' : 'children', sorted },
      this.index,
      now,
    )
  }

  /** Creates or replaces a file, or creates a directory. */
  set(path: string, content: string | null, options: TtlOptions, now: number): V2Event | V2Error {
    if (options.refresh !== true)
      return this.publish(this.place('set', path, content, options, now))
    const old = this.tree.find(path, this.index)
    if (old instanceof V2Error) return old
    const kept = content === null ? null : old.value
    return this.publish(this.place('set', path, kept, options, now), true)
  }

  /**
   * Creates what must not exist yet.
   *
   * @param inOrder under `path` as a directory, by a name that counts up
   * @param content null for a directory
   */
  create(
    path: string,
    content: string | null,
    inOrder: boolean,
    options: TtlOptions,
    now: number,
  ): V2Event | V2Error {
    const name = (this.index + 1).toString().padStart(20, '0')
    const at = inOrder ? `${path === '/' ? '' : path}/${name}` : path
    return this.publish(this.place('create', at, content, options, now))
  }

  /** Changes value and expiration of a file, or the expiration of a directory. */
  update(path: string, value: string, options: TtlOptions, now: number): V2Event | V2Error {
    if (READ_ONLY.has(path)) return new V2Error(ROOT_READ_ONLY, '/', this.index)
    const node = this.tree.find(path, this.index)
    if (node instanceof V2Error) return node
    if (node.children !== null && value !== '') return this.refuse(NOT_A_FILE, path)
    return this.rewrite('update', node, value, options, now)
  }

  compareAndSwap(
    path: string,
    comparison: Comparison,
    value: string,
    options: TtlOptions,
    now: number,
  ): V2Event | V2Error {
    if (READ_ONLY.has(path)) return new V2Error(ROOT_READ_ONLY, '/', this.index)
    const node = this.compare(path, comparison)
    if (node instanceof V2Error) return node
    return this.rewrite('compareAndSwap', node, value, options, now)
  }

  /** @param recursive implies `dir`, which allows an empty directory */
  delete(path: string, dir: boolean, recursive: boolean, now: number): V2Event | V2Error {
    if (READ_ONLY.has(path)) return new V2Error(ROOT_READ_ONLY, '/', this.index)
    const node = this.tree.find(path, this.index)
    if (node instanceof V2Error) return node
    if (node.children !== null) {
      if (!dir && !recursive) return this.refuse(NOT_A_FILE, path)
      if (node.children.size > 0 && !recursive) return this.refuse(DIRECTORY_NOT_EMPTY, path)
    }
    return this.end('delete', node, now)
  }

  compareAndDelete(path: string, comparison: Comparison, now: number): V2Event | V2Error {
    const node = this.compare(path, comparison)
    return node instanceof V2Error ? node : this.end('compareAndDelete', node, now)
  }

  /** Ends every node whose time is over at `cutoff`, the proposer's wall clock. */
  deleteExpiredKeys(cutoff: number, now: number): void {
    for (;;) {
      const node = this.expiries.first
      if (node === undefined || node.expiration > cutoff) return
      this.end('expire', node, now)
    }
  }

  /**
   * @param since first index of interest, 0 for the next one; a past one is served from the history
   * @returns 401 when the history no longer holds `since`
   */
  watch(
    path: string,
    kind: { readonly recursive: boolean; readonly stream: boolean },
    since: number,
    deliver: Deliver,
  ): Watch | V2Error {
    const options = { ...kind, path, since: since === 0 ? this.index + 1 : since }
    return this.hub.watch(options, this.index, deliver)
  }

  /** Shares nothing that changes later. */
  snapshot(): V2Snapshot {
    const { index, tree, hub } = this
    return { index, root: snapshotTree(tree.root), history: hub.history.events() }
  }

  /** Replaces everything but the watchers, who see the gap only in the indices, as in etcd. */
  restore(snapshot: V2Snapshot): void {
    this.index = snapshot.index
    this.expiries.clear()
    this.tree.root = restoreTree(snapshot.root, null, (node) => this.expiries.add(node))
    this.hub.history.restore(snapshot.history)
  }

  private refuse(code: number, path: string): V2Error {
    return new V2Error(code, path, this.index)
  }

  /** A file that meets the comparison. */
  private compare(path: string, { prevValue, prevIndex }: Comparison): TreeNode | V2Error {
    const node = this.tree.find(path, this.index)
    if (node instanceof V2Error) return node
    if (node.children !== null) return this.refuse(NOT_A_FILE, path)
    const byValue = prevValue === '' || prevValue === node.value
    const byIndex = prevIndex === 0 || prevIndex === node.modifiedIndex
    if (byValue && byIndex) return node
    const causes: string[] = []
    // One that was not asked for is met; both are named only when both fail.
    if (!byValue) causes.push(`[${prevValue} != ${node.value}]`)
    if (!byIndex) causes.push(`[${prevIndex} != ${node.modifiedIndex}]`)
    return this.refuse(COMPARE_FAILED, causes.join(' '))
  }

  private place(
    action: 'set' | 'create',
    path: string,
    content: string | null,
    options: TtlOptions,
    now: number,
  ): V2Event | V2Error {
    if (READ_ONLY.has(path)) return new V2Error(ROOT_READ_ONLY, '/', this.index)
    const parent = this.tree.directoryOf(path, this.index)
    if (parent instanceof V2Error) return parent
    const old = parent.children!.get(path.slice(path.lastIndexOf('/') + 1))
    if (old !== undefined) {
      if (action === 'create') return this.refuse(KEY_EXISTS, path)
      if (old.children !== null) return this.refuse(NOT_A_FILE, path)
      this.expiries.remove(old)
    }
    const asked = options.expiration ?? PERMANENT
    const expiration = asked < MIN_EXPIRATION ? PERMANENT : asked
    const node = new TreeNode(path, parent, this.index + 1, content ?? new Map(), expiration)
    // Taken out first: a replaced node moves to the end of its directory, in a restored copy too.
    parent.children!.delete(node.name)
    parent.children!.set(node.name, node)
    if (expiration !== PERMANENT) this.expiries.add(node)
    this.index++
    return {
      action,
      node: showNode(node, now),
      ...(old === undefined ? {} : { prevNode: showNode(old, now) }),
      etcdIndex: this.index,
    }
  }

  private rewrite(
    action: 'update' | 'compareAndSwap',
    node: TreeNode,
    value: string,
    options: TtlOptions,
    now: number,
  ): V2Event {
    const prevNode = showNode(node, now)
    const modifiedIndex = ++this.index
    // A directory keeps its modifiedIndex, though the event shows the new one.
    if (node.children === null) {
      if (options.refresh !== true) node.value = value
      node.modifiedIndex = modifiedIndex
    }
    this.expiries.remove(node)
    node.expiration = options.expiration ?? PERMANENT
    if (node.expiration !== PERMANENT) this.expiries.add(node)
    const shown = { ...showNode(node, now), modifiedIndex }
    return this.record({ action, node: shown, prevNode, etcdIndex: this.index }, options.refresh)
  }

  private end(action: V2Action, node: TreeNode, now: number): V2Event {
    const prevNode = showNode(node, now)
    const event: V2Event = {
      action,
      node: {
        key: node.path,
        ...(node.children === null ? {} : { dir: true }),
        modifiedIndex: ++this.index,
        createdIndex: node.createdIndex,
      },
      prevNode,
      etcdIndex: this.index,
    }
    this.remove(node, event)
    return this.record(event)
  }

  /** Takes the node out with all below it; whoever watches one of them hears of it. */
  private remove(node: TreeNode, event: V2Event): void {
    for (const child of [...(node.children?.values() ?? [])]) this.remove(child, event)
    node.parent!.children!.delete(node.name)
    this.expiries.remove(node)
    this.hub.notifyPath(event, node.path, true)
  }

  private publish(result: V2Event | V2Error, refresh?: boolean): V2Event | V2Error {
    return result instanceof V2Error ? result : this.record(result, refresh)
  }

  private record(event: V2Event, refresh?: boolean): V2Event {
    if (refresh !== true) {
      this.hub.notify(event)
      return event
    }
    const renewal: V2Event = { ...event, refresh: true }
    this.hub.history.add(renewal)
    return renewal
  }
}
