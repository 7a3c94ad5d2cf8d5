import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import type { Simulator } from '../../src/sim/simulator.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'

/** Starts one container after the other, ten a second. @returns those that are up. */
export function startInTurn(
  simulator: Simulator,
  count: number,
  begin: (number: number) => Process<Endpoint | AttachError>,
): { readonly up: Endpoint[]; readonly upAfter: number } {
  const up: Endpoint[] = []
  let upAfter = 0
  for (let i = 0; i < count; i++) {
    spawn(simulator, begin(i)).done.wait(simulator, (result) => {
      if (result instanceof AttachError) return
      up.push(result as Endpoint)
      upAfter = simulator.now / SECOND
    })
    simulator.run(simulator.now + 100 * MILLISECOND)
  }
  simulator.run(simulator.now + 30 * SECOND)
  return { up, upAfter }
}

const TRIES = 3

/** How many of so many pairs by chance, each on one network, get an answer to one of three pings. */
export function pairsAnswered(
  simulator: Simulator,
  up: readonly Endpoint[],
  count: number,
): number {
  const byNetwork = new Map<string, Endpoint[]>()
  for (const endpoint of up) {
    const others = byNetwork.get(endpoint.network) ?? []
    byNetwork.set(endpoint.network, others)
    others.push(endpoint)
  }
  const random = simulator.random.stream('pairs')
  const any = (among: readonly Endpoint[]) => among[random.integer(0, among.length - 1)]!
  const answered = new Set<number>()
  const sockets = Array.from({ length: count }, (_, i) => {
    const from = any(up)
    const to = any(byNetwork.get(from.network)!)
    const socket = from.namespace.sockets.openEcho()
    socket.onReply = () => answered.add(i)
    return { socket, to }
  })
  for (let number = 1; number <= TRIES; number++) {
    for (const { socket, to } of sockets) socket.request(to.address, number, 56)
    simulator.run(simulator.now + 2 * SECOND)
  }
  for (const { socket } of sockets) socket.close()
  return answered.size
}
