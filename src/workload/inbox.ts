import type { DatagramSocket } from '../stack/datagram-socket.ts'
import type { Frame } from '../wire/frame.ts'

/**
 * What a thread reads from a socket, a datagram each system call. A work's calls run at its beginning:
 * so that time spent on reading counts, a datagram is handed out when the call that read it is over.
 */
export class Inbox {
  private readonly socket: DatagramSocket
  private held: Frame | null = null

  constructor(socket: DatagramSocket) {
    this.socket = socket
  }

  /** The datagram that the latest call read. */
  take(): Frame | null {
    const { held } = this
    this.held = null
    return held
  }

  /** Begins the next call. @returns false when it has to wait. */
  read(): boolean {
    this.held = this.socket.receive()
    return this.held !== null
  }
}
