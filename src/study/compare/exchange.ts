import { SECOND } from '../../sim/units.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Trial } from './trial.ts'

export interface End {
  readonly name: string
  readonly namespace: NetNamespace
  /** On any of these it may be reached. */
  readonly addresses: readonly Ipv4Address[]
}

const TRIES = 3
const BYTES = 64
const FIRST_PORT = 20_000

/**
 * Sends a datagram from each end to each other at the same time, and says who was answered: a row a
 * sender. Each end has a port of its own, so that nobody answers in the place of another who has the
 * same address.
 */
export function whoAnswersWhom(trial: Trial, ends: readonly End[]): boolean[][] {
  const servers = ends.map(({ namespace }, i) => {
    const server = namespace.sockets.openUdp(FIRST_PORT + i)!
    server.onReceive = (frame) => server.sendTo(frame.ipSrc, frame.sourcePort, BYTES)
    return server
  })
  const reached = ends.map(() => ends.map(() => false))
  const pairs = ends.flatMap((from, i) =>
    ends.flatMap((to, j) => to.addresses.map((address) => ({ from, i, j, address }))),
  )
  const clients = pairs.map(({ from, i, j }) => {
    const client = from.namespace.sockets.openUdp()!
    client.onReceive = () => {
      if (i !== j) reached[i]![j] = true
    }
    return client
  })
  for (let attempt = 0; attempt < TRIES; attempt++) {
    pairs.forEach(({ i, j, address }, n) => {
      if (i !== j && !reached[i]![j]) clients[n]!.sendTo(address, FIRST_PORT + j, BYTES)
    })
    trial.run(SECOND)
  }
  for (const socket of [...servers, ...clients]) socket.close()
  return reached
}
