import type { DataThread } from './data-thread.ts'
import type { SleeveFrame } from './sleeve-packet.ts'

/** ChannelSize: frames that wait for a forwarder before who writes has to wait as well. */
const CAPACITY = 16

/** Frames for one forwarder, from the threads that read them. */
export class SleeveChannel {
  private frames: SleeveFrame[] = []
  private first = 0
  private blocked: DataThread[] = []

  get length(): number {
    return this.frames.length - this.first
  }

  /** The oldest. */
  get head(): SleeveFrame | null {
    return this.frames[this.first] ?? null
  }

  /** @param writer stands still while the channel is full: better to lose frames before work was done for them. */
  put(entry: SleeveFrame, writer: DataThread | null): void {
    this.frames.push(entry)
    if (this.length <= CAPACITY || writer === null || this.blocked.includes(writer)) return
    writer.block()
    this.blocked.push(writer)
  }

  take(): SleeveFrame | null {
    const { head } = this
    if (head === null) return null
    this.first++
    if (this.first === this.frames.length) {
      this.frames = []
      this.first = 0
    }
    if (this.length <= CAPACITY) this.release()
    return head
  }

  clear(): readonly SleeveFrame[] {
    const left = this.frames.slice(this.first)
    this.frames = []
    this.first = 0
    this.release()
    return left
  }

  private release(): void {
    if (this.blocked.length === 0) return
    const { blocked } = this
    this.blocked = []
    for (const writer of blocked) writer.resume()
  }
}
