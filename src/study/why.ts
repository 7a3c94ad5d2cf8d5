import type { CpuStage } from '../cpu/stage.ts'
import { type TraceEvent, TraceRecorder } from '../measure/trace-recorder.ts'
import { addressOf, ownerOf, senderOf } from '../scenario/build-workload.ts'
import { buildWorld } from '../scenario/builder.ts'
import type { EndpointRef, Scenario } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import type { Schemes } from '../schemes/registry.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import type { DatagramSocket } from '../stack/datagram-socket.ts'
import type { SendError } from '../stack/ipv4.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { formatIpv4, parseIpv4 } from '../wire/ipv4-address.ts'
import { cablesOf } from './cables.ts'
import { machinesOf } from './sides.ts'
import { stagesBetween, takeSnapshot } from './snapshot.ts'

export interface ProbeRequest {
  /** A container or a host. */
  readonly from: string
  /** A container, a host or an address. */
  readonly to: string
  /** When it is sent, picoseconds; null: just before the first workload begins. */
  readonly at: number | null
  readonly protocol: 'icmp' | 'udp'
  readonly port: number
  /** Payload bytes. */
  readonly size: number
  readonly dontFragment: boolean
  readonly ttl: number
}

export interface ProbeOutcome {
  readonly request: ProbeRequest
  readonly scenario: string
  readonly variant: string | null
  readonly seed: string
  readonly source: string
  readonly destination: string
  /** When it was sent, picoseconds. */
  readonly sentAt: number
  /** What the system call answered; null when the packet was sent. */
  readonly sendError: SendError | null
  /** MTU of the path as the sender knew it. */
  readonly knownMtu: number
  /** Whether the datagram, or the echo reply, was handed to its socket. */
  readonly delivered: boolean
  /** Round trip of an echo, one way of a datagram; null when it did not arrive. */
  readonly latency: number | null
  readonly events: readonly TraceEvent[]
  /** Where what is sent at a place comes in. */
  readonly cables: ReadonlyMap<string, string>
  readonly missed: number
  /**
   * CPU time that the packet, its answer and their ARP took, where nothing else ran; empty where
   * that cannot be told apart, or work takes no time.
   */
  readonly cpu: readonly MachineTime[]
}

export interface MachineTime {
  readonly machine: string
  /** Picoseconds. */
  readonly stages: ReadonlyMap<CpuStage, number>
}

export interface ProbeProblem {
  readonly problem: string
}

/** Long enough for ARP to give up and for an error to come back. */
const PATIENCE = 5 * SECOND
const TRACE = 1
const FIRST_WORKLOAD_DEFAULT = SECOND
/** So that the probe meets the caches before any workload has warmed them. */
const HEAD_START = 10 * MILLISECOND
/** A packet that arrives does so within this time, and its reader has read it. */
const ALONE = HEAD_START / 2

/** A second run of the same seed with one packet more, which is traced. */
export function traceProbe(
  scenario: Scenario,
  schemes: Schemes,
  request: ProbeRequest,
): ProbeOutcome | ProbeProblem {
  const from = endOf(scenario, request.from)
  const to = endOf(scenario, request.to)
  if (from === null || from.kind === 'address') return unknown(scenario, '--from', request.from)
  if (to === null) return unknown(scenario, '--to', request.to)
  const world = buildWorld(scenario, schemes)
  const recorder = new TraceRecorder(world.simulator)
  world.ledger.tracer = recorder
  const begin = request.at ?? Math.max(0, firstStart(scenario) - HEAD_START)
  world.simulator.run(Math.max(0, begin - 1))
  const cables = cablesOf(world)
  const probe = sendProbe(world, from, to, request, begin)
  const cpu = firstStart(scenario) >= begin + ALONE ? timesWithin(world, begin + ALONE) : []
  world.simulator.run(begin + PATIENCE)
  const arrived = arrivalOf(recorder.events, request.protocol)
  // Where work takes time, the program that sends has to be woken first.
  const sentAt = recorder.events[0]?.time ?? begin
  return {
    request,
    scenario: scenario.name,
    variant: scenario.variant,
    seed: scenario.seed,
    sentAt,
    ...probe(),
    delivered: arrived !== null,
    latency: arrived === null ? null : arrived - sentAt,
    events: recorder.events,
    cables,
    missed: recorder.missed,
    cpu,
  }
}

/** Runs until `until`. @returns what all machines did meanwhile. */
function timesWithin(world: World, until: number): MachineTime[] {
  const { simulator, ledger } = world
  const machines = machinesOf(world.hosts.values())
  const gauges = { ledger, machines, ports: [], layers: [] }
  const begin = takeSnapshot(simulator.now, gauges)
  simulator.run(until)
  const end = takeSnapshot(simulator.now, gauges)
  return machines
    .map((machine) => ({
      machine: machine.name,
      stages: stagesBetween(begin, end, [machine]),
    }))
    .filter(({ stages }) => stages.size > 0)
}

function firstStart(scenario: Scenario): number {
  const starts = scenario.workloads.map(({ at }) => at)
  return starts.length === 0 ? FIRST_WORKLOAD_DEFAULT : starts.reduce((a, b) => Math.min(a, b))
}

function endOf(scenario: Scenario, text: string): EndpointRef | null {
  if (scenario.containers.some(({ name }) => name === text))
    return { kind: 'container', name: text }
  if (scenario.hosts.some(({ name }) => name === text)) return { kind: 'host', name: text }
  const address = parseIpv4(text)
  return address === null ? null : { kind: 'address', address }
}

function unknown(scenario: Scenario, flag: string, text: string): ProbeProblem {
  const names = [...scenario.containers, ...scenario.hosts].map(({ name }) => name)
  const shown = names.slice(0, 12).join(', ')
  const rest = names.length > 12 ? `, and ${names.length - 12} more` : ''
  return {
    problem: `${flag} ${text}: there is no such container or host; there are ${shown}${rest}`,
  }
}

type Outcome = Pick<ProbeOutcome, 'source' | 'destination' | 'sendError' | 'knownMtu'>

/** Sends it at `sentAt`; the function that it returns tells what became of it. */
function sendProbe(
  world: World,
  from: EndpointRef,
  to: EndpointRef,
  request: ProbeRequest,
  sentAt: number,
): () => Outcome {
  const { simulator } = world
  const namespace = senderOf(world, from)
  const destination = addressOf(world, to)
  let sendError: SendError | null = null
  const knownMtu = namespace.ipv4.pathMtu(destination)
  const socket =
    request.protocol === 'udp' ? namespace.sockets.openUdp()! : namespace.sockets.openEcho()
  socket.trace = TRACE
  socket.ttl = request.ttl
  socket.pmtuDiscovery = request.dontFragment ? 'do' : 'want'
  if (request.protocol === 'udp') {
    const receiver = to.kind === 'address' ? ownerOf(world, to.address) : senderOf(world, to)
    const server = receiver?.sockets.openUdp(request.port)
    if (receiver && server) readAll(receiver, server)
  } else readAll(namespace, socket)
  const program = namespace.kernel.task('probe', () => {
    sendError =
      'identifier' in socket
        ? socket.request(destination, 1, request.size)
        : socket.sendTo(destination, request.port, request.size, 1)
    return false
  })
  simulator.callAt(Math.max(sentAt, simulator.now), () => program.wake())
  return () => ({
    source: formatIpv4(addressOf(world, from)),
    destination: formatIpv4(destination),
    sendError,
    knownMtu,
  })
}

/** A program that reads what comes to a socket: where work takes time, it has arrived only then. */
function readAll({ kernel }: NetNamespace, socket: DatagramSocket): void {
  const program = kernel.task('probe reader', () => socket.receive() !== null)
  socket.onReadable = () => program.wake()
}

/**
 * When the datagram, or the reply to the echo request, came to a socket. The trace is asked, for the
 * socket may be a workload's own.
 */
function arrivalOf(events: readonly TraceEvent[], protocol: 'icmp' | 'udp'): number | null {
  const awaited = protocol === 'udp' ? 'udp' : 'echo-reply'
  const arrival = events.find(
    ({ stage, kind, depth }) => stage === 'socket_receive' && kind === awaited && depth === 0,
  )
  return arrival?.time ?? null
}
