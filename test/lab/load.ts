/** The lab's loads: what its bench program did between the two ends of a scheme, on two cores. */
import type { CostProfile } from '../../src/cpu/cost-profile.ts'
import type { Machine } from '../../src/cpu/machine.ts'
import { STAGES } from '../../src/cpu/stage.ts'
import { MILLISECOND, NANOSECOND } from '../../src/sim/units.ts'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { Lab } from './lab.ts'
import type { Setup } from './schemes.ts'

const PORT = 5002
const WRITE = 128 * 1024
const READ = 256 * 1024
/** Caches are warm and ARP is done after this. */
const WARM_UP = 20 * MILLISECOND

export interface LoadResult {
  /** CPU time of all cores, nanoseconds a packet (a round trip, a kB of TCP). */
  readonly cost: number
  /** Of that, nanoseconds by stage. */
  readonly stages: Readonly<Record<string, number>>
  readonly packets: number
}

export type Build = (lab: Lab) => Setup

/** Sums the accounts of a window. */
class Window {
  private readonly machine: Machine
  private readonly busy: number
  private readonly stages: number[]

  constructor(machine: Machine) {
    this.machine = machine
    this.busy = this.sum((core) => core.busy)
    this.stages = STAGES.map((_, stage) => this.sum((core) => core.account[stage]!))
  }

  private sum(pick: (core: Machine['cores'][number]) => number): number {
    return this.machine.cores.reduce((total, core) => total + pick(core), 0)
  }

  result(units: number): LoadResult {
    const share = (now: number, before: number) => (now - before) / NANOSECOND / units
    const stages = STAGES.map(
      (name, stage) =>
        [
          name,
          share(
            this.sum((core) => core.account[stage]!),
            this.stages[stage]!,
          ),
        ] as const,
    )
    return {
      cost: share(
        this.sum((core) => core.busy),
        this.busy,
      ),
      stages: Object.fromEntries(stages.filter(([, cost]) => cost > 0)),
      packets: units,
    }
  }
}

function startLab(costs: CostProfile, build: Build): { lab: Lab; setup: Setup; machine: Machine } {
  const lab = new Lab({ costs, at: 1e12 })
  const setup = build(lab)
  return { lab, setup, machine: lab.kernel.machine! }
}

/** `nb udpcli` on CPU 0 sends as fast as it can to `nb udpsrv` on CPU 1. */
export function udpFlood(
  costs: CostProfile,
  build: Build,
  size: number,
  duration: number,
): LoadResult {
  const { lab, setup, machine } = startLab(costs, build)
  const destination = ipv4(setup.destinationAddress)
  const server = lab.namespace(setup.destination).sockets.openUdp(PORT)!
  let received = 0
  const reader = lab.kernel.task(
    'udpsrv',
    () => {
      if (server.receive() === null) return false
      received++
      return true
    },
    1,
  )
  server.onReadable = () => reader.wake()
  const client = lab.namespace(setup.source).sockets.openUdp()!
  const writer = lab.kernel.task(
    'udpcli',
    () => client.sendTo(destination, PORT, size) !== 'EAGAIN',
    0,
  )
  client.onWritable = () => writer.wake()
  writer.wake()
  lab.run(WARM_UP)
  const before = received
  const window = new Window(machine)
  lab.run(duration)
  return window.result(received - before)
}

/** `nb rrcli udp` and `nb rrsrv`, one byte, both on CPU 0; the cost is the time of a round trip. */
export function udpRoundTrips(costs: CostProfile, build: Build, duration: number): LoadResult {
  const { lab, setup, machine } = startLab(costs, build)
  const destination = ipv4(setup.destinationAddress)
  const server = lab.namespace(setup.destination).sockets.openUdp(PORT)!
  const answerer = lab.kernel.task(
    'rrsrv',
    () => {
      const request = server.receive()
      if (request === null) return false
      server.sendTo(request.ipSrc, request.sourcePort, 1)
      return true
    },
    0,
  )
  server.onReadable = () => answerer.wake()
  const client = lab.namespace(setup.source).sockets.openUdp()!
  let trips = 0
  let isAsked = false
  const asker = lab.kernel.task(
    'rrcli',
    () => {
      if (isAsked && client.receive() === null) return false
      trips++
      isAsked = true
      client.sendTo(destination, PORT, 1)
      return true
    },
    0,
  )
  client.onReadable = () => asker.wake()
  asker.wake()
  lab.run(WARM_UP)
  const before = trips
  const window = new Window(machine)
  lab.run(duration)
  return window.result(trips - before)
}

/** `nb tcpcli` on CPU 0 writes 128 KiB at a time to `nb tcpsrv` on CPU 1; the cost is that of 1000 bytes. */
export function tcpStream(costs: CostProfile, build: Build, duration: number): LoadResult {
  const { lab, setup, machine } = startLab(costs, build)
  const listener = lab.namespace(setup.destination).sockets.listenTcp(PORT)!
  let received = 0
  let server: TcpSocket | null = null
  const reader = lab.kernel.task(
    'tcpsrv',
    () => {
      server ??= listener.accept()
      if (server === null) return false
      server.onReadable = () => reader.wake()
      const bytes = server.read(READ)
      received += bytes
      return bytes > 0
    },
    1,
  )
  listener.onAccept = () => reader.wake()
  const client = lab.namespace(setup.source).sockets.openTcp({ noDelay: true })
  let left = WRITE
  const writer = lab.kernel.task(
    'tcpcli',
    () => {
      const taken = client.write(left)
      left -= taken
      if (left === 0) left = WRITE
      return taken > 0
    },
    0,
  )
  client.onWritable = () => writer.wake()
  client.onConnect = () => writer.wake()
  lab.kernel
    .task(
      'connect',
      () => {
        client.connect(ipv4(setup.destinationAddress), PORT)
        return false
      },
      0,
    )
    .wake()
  lab.run(WARM_UP)
  const before = received
  const window = new Window(machine)
  lab.run(duration)
  return window.result((received - before) / 1000)
}
