import type { Process } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { Mailbox } from '../program/mailbox.ts'
import type { Program } from '../program/program.ts'
import type { Stream } from '../program/stream.ts'
import type { Clock } from './session/clock.ts'
import type { Transport } from './session/connection.ts'

/** How long what was sent may wait for a peer that takes nothing, once the connection is to end. */
const CLOSE_TIMEOUT = 10 * SECOND

const END = new Uint8Array(0)

/** Writes to a stream without keeping its caller waiting. */
export class StreamTransport implements Transport {
  private readonly stream: Stream
  private readonly clock: Clock
  private readonly outbox: Mailbox<Uint8Array>

  constructor(program: Program, clock: Clock, stream: Stream) {
    this.stream = stream
    this.clock = clock
    this.outbox = new Mailbox(program)
    program.spawn(this.write())
  }

  send(content: Uint8Array): void {
    this.outbox.put(content)
  }

  close(): void {
    this.outbox.put(END)
    this.clock.after(CLOSE_TIMEOUT, () => this.stream.abort())
  }

  private *write(): Process {
    for (;;) {
      const content = yield* this.outbox.take()
      if (content === END || content === null) return this.stream.close()
      yield* this.stream.write(content)
    }
  }
}
