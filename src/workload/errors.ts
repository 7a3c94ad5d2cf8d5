import type { SendError } from '../stack/ipv4.ts'
import type { SocketError } from '../stack/sockets.ts'
import type { TcpError } from '../stack/tcp/constants.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'

/** EAGAIN and EADDRNOTAVAIL: there was no free port for the socket, of UDP and of TCP. */
export type Errno = SendError | TcpError | 'EAGAIN' | 'EADDRNOTAVAIL'

/** Errors that senders met, by where they came from (SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP). */
export type ErrorCount =
  | { readonly origin: 'local'; readonly errno: Errno; readonly count: number }
  | {
      readonly origin: 'icmp'
      readonly type: number
      readonly code: number
      /** Who reported it. */
      readonly from: string
      /** Next-hop MTU that it told, 0 where none belongs to the type. */
      readonly mtu: number
      readonly count: number
    }

/** Counts the errors of one workload. */
export class ErrorTally {
  refused = 0
  private readonly local = new Map<Errno, number>()
  private readonly icmp = new Map<string, { error: SocketError; count: number }>()

  /** A system call failed. */
  refuse(errno: Errno): void {
    this.refused++
    this.local.set(errno, (this.local.get(errno) ?? 0) + 1)
  }

  /** An ICMP error came; to be handed to sockets as it is. */
  readonly report = (error: SocketError): void => {
    const key = `${error.type} ${error.code} ${error.from} ${error.mtu}`
    const entry = this.icmp.get(key)
    if (entry === undefined) this.icmp.set(key, { error, count: 1 })
    else entry.count++
  }

  /** In the order in which they first came, the local ones before. */
  counts(): ErrorCount[] {
    const counts: ErrorCount[] = []
    for (const [errno, count] of this.local) counts.push({ origin: 'local', errno, count })
    for (const { error, count } of this.icmp.values()) {
      const { type, code, from, mtu } = error
      counts.push({ origin: 'icmp', type, code, from: formatIpv4(from), mtu, count })
    }
    return counts
  }
}
