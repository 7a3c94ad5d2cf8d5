import type { RaftLog } from './log.ts'
import type { HardState, Message, Restored, Snapshot, Write } from './types.ts'

/**
 * Makes the writes, and orders messages after those that they speak of: a promise (a vote, an
 * accepted entry) may leave only when it would survive a crash.
 */
export class Outbox {
  private sendable: Message[] = []
  /** Wait for the write that is yet to be taken. */
  private promises: Message[] = []
  /** Wait for a write that was handed out, in the order of their ids. */
  private readonly waiting: { write: number; messages: Message[] }[] = []
  private lastId = 0
  private lastSync = 0
  private durable = 0
  private hardState: HardState
  private snapshot: Snapshot | null = null
  /** The last entry of each write that is on its way to the disk. */
  private readonly writes: { id: number; index: number; term: number }[] = []

  constructor({ hardState }: Restored) {
    this.hardState = hardState
  }

  send(message: Message): void {
    this.sendable.push(message)
  }

  sendWhenDurable(message: Message): void {
    this.promises.push(message)
  }

  /** Goes with the next write; a later one takes its place. */
  save(snapshot: Snapshot): void {
    this.snapshot = snapshot
  }

  takeSendable(): Message[] {
    const messages = this.sendable
    if (messages.length > 0) this.sendable = []
    return messages
  }

  /** The next write, if there is anything to write; promises wait for it and all before it. */
  takeWrite(log: RaftLog, term: number, vote: string | null): Write | null {
    const write = this.makeWrite(log, term, vote)
    if (write?.sync === true) {
      this.lastSync = write.id
      this.writes.push({ id: write.id, index: log.lastIndex, term: log.lastTerm })
    }
    if (this.promises.length > 0) {
      this.waiting.push({ write: this.lastSync, messages: this.promises })
      this.promises = []
    }
    return write
  }

  private makeWrite(log: RaftLog, term: number, vote: string | null): Write | null {
    const { hardState: old, snapshot } = this
    const isPromise = old.term !== term || old.vote !== vote
    const hasEntries = log.unwritten <= log.lastIndex
    if (!isPromise && old.commit === log.commit && snapshot === null && !hasEntries) return null
    const entries = hasEntries ? log.slice(log.unwritten, log.lastIndex) : []
    log.unwritten = log.lastIndex + 1
    this.snapshot = null
    const hasNews = isPromise || old.commit !== log.commit
    if (hasNews) this.hardState = { term, vote, commit: log.commit }
    return {
      id: ++this.lastId,
      hardState: hasNews ? this.hardState : null,
      snapshot,
      entries,
      sync: isPromise || snapshot !== null || hasEntries,
    }
  }

  /** This write and all before it are durable. */
  persisted(write: number, log: RaftLog): void {
    this.durable = Math.max(this.durable, write)
    while (this.writes.length > 0 && this.writes[0]!.id <= write) {
      const { index, term } = this.writes.shift()!
      // An entry that was replaced meanwhile says nothing of the one in its place.
      if (log.termAt(index) === term) log.stable = Math.max(log.stable, index)
    }
  }

  /** Promises that may leave now. */
  release(): Message[] {
    let count = 0
    while (count < this.waiting.length && this.waiting[count]!.write <= this.durable) count++
    if (count === 0) return []
    return this.waiting.splice(0, count).flatMap(({ messages }) => messages)
  }
}
