import { failure, type NodeEvent, type NodeRecord, type StatusRecord } from './node.ts'

/** Changes that a watch may still ask for (the watch cache's least capacity). */
const HISTORY = 100

/** The nodes by name, and the last changes of them. */
export class NodeTable {
  /** resourceVersion of the last change. */
  revision: number
  private readonly nodes = new Map<string, NodeRecord>()
  private readonly history: { readonly revision: number; readonly event: NodeEvent }[] = []
  /** All changes after this one are in the history. */
  private since: number
  private readonly listeners = new Set<() => void>()

  /** @param changes all that were made before; they are not in the history, as after a start of the server. */
  constructor(changes: readonly NodeEvent[]) {
    this.revision = 1
    for (const change of changes) this.keep(change)
    this.since = this.revision
  }

  private keep({ type, object }: NodeEvent): void {
    const { name, resourceVersion } = object.metadata
    if (type === 'DELETED') this.nodes.delete(name)
    else this.nodes.set(name, object)
    this.revision = Number(resourceVersion)
  }

  /** @param event with the resourceVersion that comes next. */
  apply(event: NodeEvent): void {
    this.keep(event)
    this.history.push({ revision: this.revision, event })
    if (this.history.length > HISTORY) this.since = this.history.shift()!.revision
    for (const listener of [...this.listeners]) listener()
  }

  get(name: string): NodeRecord | undefined {
    return this.nodes.get(name)
  }

  /** By name. */
  list(): NodeRecord[] {
    const byName = ([a]: [string, NodeRecord], [b]: [string, NodeRecord]) => (a < b ? -1 : 1)
    return [...this.nodes].sort(byName).map(([, node]) => node)
  }

  /** @returns the changes after a revision, or that they are no longer known. */
  changesAfter(revision: number): readonly NodeEvent[] | StatusRecord {
    if (revision < this.since) {
      const message = `too old resource version: ${revision} (${this.since})`
      return failure(410, 'Expired', message)
    }
    return this.history.filter((each) => each.revision > revision).map(({ event }) => event)
  }

  /** Calls `listener` after each change. @returns what ends that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
