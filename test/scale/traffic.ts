import { type DropReason, dropReasonInfo } from '../../src/measure/drop-reason.ts'
import type { World } from '../../src/scenario/world.ts'
import { AttachError, type Endpoint } from '../../src/schemes/contract.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import type { Simulator } from '../../src/sim/simulator.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { EchoSocket } from '../../src/stack/echo-socket.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'

/** Containers that were asked for, and which of them are up. */
export class Starts {
  readonly up: Endpoint[] = []
  /** When the last was up, simulated seconds. */
  upAfter = 0
  private readonly simulator: Simulator

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  begin(attachment: Process<Endpoint | AttachError>): void {
    const { simulator } = this
    spawn(simulator, attachment).done.wait(simulator, (result) => {
      if (result instanceof AttachError) return
      this.up.push(result as Endpoint)
      this.upAfter = simulator.now / SECOND
    })
  }
}

/** Starts one container after the other, ten a second. */
export function startInTurn(
  simulator: Simulator,
  count: number,
  attachment: (number: number) => Process<Endpoint | AttachError>,
): Starts {
  const starts = new Starts(simulator)
  for (let i = 0; i < count; i++) {
    starts.begin(attachment(i))
    simulator.run(simulator.now + 100 * MILLISECOND)
  }
  simulator.run(simulator.now + 30 * SECOND)
  return starts
}

/** Pings of a pair, so long one after the other. */
const TRIES = 3
const GAP = 2 * SECOND

/** What ought to come of a ping: an answer (null), or a drop for this reason. */
export type Rule = (from: Endpoint, to: Endpoint) => DropReason | null

export interface Talk {
  readonly pairs: number
  /** Who ought to talk, and got an answer to one of the pings. */
  readonly answered: number
  /** Who ought not to, and got none: each ping was dropped for the reason expected. */
  readonly refused: number
  /** Everybody else. */
  readonly wrong: readonly string[]
}

interface Probe {
  readonly from: Endpoint
  readonly to: Endpoint
  readonly socket: EchoSocket
  /** Sequence numbers. */
  readonly replies: number[]
  readonly drops: DropReason[]
}

/** Pairs by chance: every second is of one network, the others of any. */
export function letPairsTalk(
  { simulator, ledger }: Pick<World, 'simulator' | 'ledger'>,
  up: readonly Endpoint[],
  count: number,
  rule: Rule,
): Talk {
  const random = simulator.random.stream('pairs')
  const any = (among: readonly Endpoint[]) => among[random.integer(0, among.length - 1)]!
  const networks = byNetwork(up)
  const probes = Array.from({ length: up.length === 0 ? 0 : count }, (_, i) => {
    const from = any(up)
    return probeOf(from, any(i % 2 === 0 ? networks.get(from.network)! : up), i + 1)
  })
  ledger.tracer = {
    stage: () => undefined,
    // Copies that nobody wanted, such as those of a broadcast, say nothing.
    dropped: ({ trace }, reason) => {
      if (dropReasonInfo(reason).kind === 'loss') probes[trace - 1]?.drops.push(reason)
    },
  }
  for (let number = 1; number <= TRIES; number++) {
    for (const { socket, to } of probes) socket.request(to.address, number, 56)
    simulator.run(simulator.now + GAP)
  }
  ledger.tracer = null
  for (const { socket } of probes) socket.close()
  return judge(probes, rule)
}

function byNetwork(up: readonly Endpoint[]): Map<string, Endpoint[]> {
  const networks = new Map<string, Endpoint[]>()
  for (const endpoint of up) {
    const others = networks.get(endpoint.network) ?? []
    networks.set(endpoint.network, others)
    others.push(endpoint)
  }
  return networks
}

function probeOf(from: Endpoint, to: Endpoint, trace: number): Probe {
  const socket = from.namespace.sockets.openEcho()
  const probe: Probe = { from, to, socket, replies: [], drops: [] }
  socket.trace = trace
  socket.onReply = (_, sequence) => probe.replies.push(sequence)
  return probe
}

function judge(probes: readonly Probe[], rule: Rule): Talk {
  let answered = 0
  let refused = 0
  const wrong: string[] = []
  for (const probe of probes) {
    const { from, to, replies, drops } = probe
    const reason = rule(from, to)
    if (reason === null && replies.length > 0) answered++
    else if (reason !== null && replies.length === 0 && isOf(reason, drops)) refused++
    else wrong.push(describe(probe, reason))
  }
  return { pairs: probes.length, answered, refused, wrong }
}

function isOf(reason: DropReason, drops: readonly DropReason[]): boolean {
  return drops.length === TRIES && drops.every((each) => each === reason)
}

function describe({ from, to, replies, drops }: Probe, reason: DropReason | null): string {
  const ends = [from, to].map(({ network, address }) => `${network} ${formatIpv4(address)}`)
  const seen = `${replies.length} answers, drops: ${drops.join(', ')}`
  return `${ends.join(' to ')}: ${seen}; expected ${reason ?? 'an answer'}`
}
