import type { NetNamespace } from '../stack/namespace.ts'
import type { CongestionName } from '../stack/tcp/congestion/algorithms.ts'
import type { TcpListener } from '../stack/tcp/tcp-listener.ts'

/** Bytes that a bulk reader asks for in a call, and a bulk writer hands over if nothing else is said. */
export const BULK_BYTES = 131072

/** Options of a TCP generator's sockets, both ends alike. */
export interface TcpChoices {
  /** Default: the kernel's. */
  readonly congestion?: CongestionName | undefined
  /** SO_SNDBUF, bytes as the user gives them. Default: the kernel tunes it. */
  readonly sendBuffer?: number | undefined
  /** SO_RCVBUF, bytes as the user gives them. Default: the kernel tunes it. */
  readonly receiveBuffer?: number | undefined
  /** TCP_NODELAY. Default: off. */
  readonly noDelay?: boolean | undefined
}

/** Only what was chosen. */
export function socketOptions({ congestion, sendBuffer, receiveBuffer, noDelay }: TcpChoices) {
  return {
    ...(congestion !== undefined && { congestion }),
    ...(sendBuffer !== undefined && { sendBuffer }),
    ...(receiveBuffer !== undefined && { receiveBuffer }),
    ...(noDelay !== undefined && { noDelay }),
  }
}

/** A listener on `port`, or on the next free one above. @returns null when there is none. */
export function listenTcp(
  namespace: NetNamespace,
  port: number,
  backlog: number,
  choices: TcpChoices,
): TcpListener | null {
  const options = { ...socketOptions(choices), backlog }
  for (let candidate = port; candidate <= 0xffff; candidate++) {
    const listener = namespace.sockets.listenTcp(candidate, options)
    if (listener !== null) return listener
  }
  return null
}
