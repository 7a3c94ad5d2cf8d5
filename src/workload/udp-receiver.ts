import type { NetNamespace } from '../stack/namespace.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import { Inbox } from './inbox.ts'
import { listen } from './pairs.ts'
import type { UdpOptions, UdpStream } from './udp.ts'

/** The socket of one namespace in which the packets of all its pairs arrive. */
export class UdpReceiver {
  /** Null when the namespace had no free port: then nobody listens. */
  readonly port: number | null
  private readonly stream: UdpStream
  private readonly options: UdpOptions

  constructor(stream: UdpStream, namespace: NetNamespace, options: UdpOptions) {
    this.stream = stream
    this.options = options
    this.port = this.listen(namespace, options.port)
  }

  /** Started again elsewhere, on the same port. */
  relocate(namespace: NetNamespace): void {
    if (this.port !== null) this.listen(namespace, this.port)
  }

  private listen(namespace: NetNamespace, wanted: number): number | null {
    const { stream, options } = this
    const socket = listen(namespace, wanted)
    if (socket === null) return null
    if (namespace.kernel.machine === null) socket.onReceive = (frame) => stream.receive(frame, this)
    else this.read(socket, namespace, options)
    return socket.port
  }

  private read(socket: UdpSocket, namespace: NetNamespace, options: UdpOptions): void {
    const name = `${options.name} server ${namespace.name}`
    const inbox = new Inbox(socket)
    const step = (): boolean => {
      const frame = inbox.take()
      if (frame !== null) this.stream.receive(frame, this)
      return inbox.read()
    }
    const { threads } = this.stream
    const thread = threads.receiver(namespace.kernel, name, step, options.receiverCore)
    socket.onReadable = () => thread.wake()
  }
}
