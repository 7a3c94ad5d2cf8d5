/** How long a container takes from the order to start until it talks, and is talked to. */
import { AttachError, type Endpoint } from '../../../schemes/contract.ts'
import { type Process, type RunningProcess, sleep, spawn } from '../../../sim/process.ts'
import { formatDuration, MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Trial } from '../trial.ts'
import { placesOf } from '../two-networks.ts'
import { failureSections, NETWORK, specOf } from './failures-trial.ts'

const SECTION = 'performance'
const INTERVAL = 5 * MILLISECOND
const PATIENCE = 30 * SECOND
const BYTES = 64

interface Way {
  readonly row: string
  readonly probe: string
  readonly port: number
  /** When the first answer came; null before. */
  answeredAt: number | null
}

export function firstPacket(asked: Case): Cell[] {
  const places = placesOf(asked)
  const trial = asked.trial('a container starts', failureSections(asked, places))
  trial.settle()
  const other = trial.endpoint('b')
  if (other === undefined) return []
  const orderedAt = trial.now
  const late = trial.world.hosts.get(places.near)!.addContainer('late')
  const ways: Way[] = [
    { row: 'start to first answer', probe: 'late asks b', port: 22_001, answeredAt: null },
    { row: 'start to being reached', probe: 'b asks late', port: 22_002, answeredAt: null },
  ]
  const [outwards, inwards] = ways as [Way, Way]
  const attaching = trial.daemon(places.near, NETWORK).attach(specOf('late', late))
  const { simulator } = trial.world
  const end = orderedAt + PATIENCE
  const pings: RunningProcess<void>[] = []
  spawn(simulator, attaching).done.wait(simulator, (result) => {
    if (result instanceof AttachError) return
    const started = result as Endpoint
    pings.push(spawn(simulator, pinging(trial, started.namespace, other, outwards)))
    pings.push(spawn(simulator, pinging(trial, other.namespace, started, inwards)))
  })
  const isOver = () => ways.every(({ answeredAt }) => answeredAt !== null) || trial.now >= end
  while (!isOver()) trial.run(100 * MILLISECOND)
  for (const ping of pings) ping.cancel()
  return ways.map(({ row, probe, answeredAt }) => {
    const time = answeredAt === null ? null : answeredAt - orderedAt
    const text = time === null ? 'never' : formatDuration(Number(time.toPrecision(3)))
    return trial.cell(
      SECTION,
      row,
      time,
      text,
      `${probe} by UDP every 5 ms, from when late has its address`,
    )
  })
}

/**
 * Nobody can be asked before he has an address: it begins when the daemon has said which. On a port that
 * only the receiver has, so that nobody answers in the place of another who has the same address.
 */
function* pinging(trial: Trial, from: NetNamespace, to: Endpoint, way: Way): Process {
  const server = to.namespace.sockets.openUdp(way.port)!
  server.onReceive = (frame) => void server.sendTo(frame.ipSrc, frame.sourcePort, BYTES)
  const client = from.sockets.openUdp()!
  client.onReceive = () => {
    way.answeredAt ??= trial.now
  }
  while (way.answeredAt === null) {
    client.sendTo(to.address, way.port, BYTES)
    yield* sleep(INTERVAL)
  }
}
