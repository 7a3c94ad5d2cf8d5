import { MILLISECOND } from '../../sim/units.ts'
import type { Program } from '../program/program.ts'
import type { Durable } from '../raft/durable.ts'
import type { Restored, Write } from '../raft/types.ts'
import { type MemberParts, SOUND_PARTS } from './parts.ts'

/** An SSD's fdatasync of a small write; etcd wants the 99th percentile below 10 ms. */
const FSYNC_DEFAULT = MILLISECOND

/**
 * Where a member keeps its log: it survives the member's program. One flush is done after the other,
 * each of all that was written before it began. What a killed program had begun to flush is in the
 * page cache and still gets to the disk.
 */
export class Disk {
  /** How long a flush takes, picoseconds; Infinity = the disk hangs until it is set again. */
  private fsync: number
  private durable: Durable
  private readonly parts: MemberParts
  private readonly queue: { readonly write: Write; readonly done: () => void }[] = []
  private program: Program | null = null
  /** How many of the queue the flush that is being done covers: all that was written before it. */
  private flushing = 0
  /** Counts flushes begun: one that was overtaken by a fault ends nowhere. */
  private flush = 0
  flushes = 0

  constructor(fsync = FSYNC_DEFAULT, parts = SOUND_PARTS) {
    this.fsync = fsync
    this.parts = parts
    this.durable = parts.durable()
  }

  /** What a program that starts finds. */
  open(program: Program): Restored {
    this.program = program
    return this.durable.restored()
  }

  /** Queues a write; `done` is called when it is durable. One without `sync` takes no time of its own. */
  write(write: Write, done: () => void): void {
    this.queue.push({ write, done })
    this.next()
  }

  private next(): void {
    for (
      let head = this.queue[0];
      head !== undefined && this.flushing === 0;
      head = this.queue[0]
    ) {
      if (head.write.sync) return this.beginFlush()
      this.queue.shift()
      this.durable.apply(head.write)
      head.done()
    }
  }

  private beginFlush(): void {
    this.flushing = this.queue.length
    const flush = ++this.flush
    if (this.fsync === Infinity) return
    this.program!.after(this.fsync, () => {
      if (flush === this.flush) this.endFlush()
    })
  }

  private endFlush(): void {
    const flushed = this.queue.splice(0, this.flushing)
    this.flushing = 0
    this.flushes++
    for (const { write } of flushed) this.durable.apply(write)
    for (const { done } of flushed) done()
    this.next()
  }

  /** Changes the time of a flush; the one that is being done begins again. */
  setFsync(fsync: number): void {
    this.fsync = fsync
    if (this.flushing === 0) return
    this.beginFlush()
  }

  get fsyncTime(): number {
    return this.fsync
  }

  /** The program is gone: what it was writing is in the page cache, what it had queued is not. */
  programEnded(): void {
    for (const { write } of this.queue.slice(0, this.flushing)) this.durable.apply(write)
    this.forget()
  }

  /** All is lost, also what the program has yet to write: it finds an empty directory when it starts. */
  lose(): void {
    this.forget()
    this.durable = this.parts.durable()
  }

  private forget(): void {
    this.queue.length = 0
    this.flushing = 0
    this.flush++
  }

  /** A copy of the whole content, as a backup of the directory holds it. */
  backup(): Restored {
    return this.durable.restored()
  }

  /** Puts a backup in the place of what is there. */
  restore(backup: Restored): void {
    this.forget()
    this.durable = this.parts.durable()
    this.durable.apply({ id: 0, sync: true, ...backup })
  }
}
