import type { CpuStage } from '../cpu/stage.ts'
import { type TraceEvent, TraceRecorder } from '../measure/trace-recorder.ts'
import { buildWorld } from '../scenario/builder.ts'
import type { Scenario } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import type { Schemes } from '../schemes/registry.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import type { SendError } from '../stack/ipv4.ts'
import { formatIpv4 } from '../wire/ipv4-address.ts'
import { cablesOf } from './cables.ts'
import { machinesOf } from './sides.ts'
import { stagesBetween, takeSnapshot } from './snapshot.ts'
import type { Cause } from './why/cause.ts'
import { diagnose } from './why/diagnose.ts'
import { type Journey, journeysOf } from './why/journey.ts'
import { endOf, type ProbeProblem, type ProbeRequest, unknownEnd } from './why/request.ts'
import { type SentProbe, sendProbe } from './why/send-probe.ts'
import type { ConnectionOutcome } from './why/tcp-probe.ts'
import { Whereabouts } from './why/whereabouts.ts'

export type { ProbeRequest } from './why/request.ts'

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
  readonly sendError: SendError | 'EADDRNOTAVAIL' | null
  /** MTU of the path as the sender knew it. */
  readonly knownMtu: number
  /** Whether the datagram, the echo reply, or all of a connection was handed to its socket. */
  readonly delivered: boolean
  /** Round trip of an echo, one way of a datagram, a connection's life; null when it did not arrive. */
  readonly latency: number | null
  /** Of TCP; null of others. */
  readonly connection: ConnectionOutcome | null
  /** What has to change for it to arrive; null when it has arrived, or when nothing was found. */
  readonly cause: Cause | null
  readonly events: readonly TraceEvent[]
  readonly journeys: readonly Journey[]
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

const FIRST_WORKLOAD_DEFAULT = SECOND
/** So that the probe meets the caches before any workload has warmed them. */
const HEAD_START = 10 * MILLISECOND
/** A packet that arrives does so within this time, and its reader has read it. */
const ALONE = HEAD_START / 2

/**
 * A second run of the same seed with one packet more, which is traced.
 * @param before changes the world just before the packet is sent.
 */
export function traceProbe(
  scenario: Scenario,
  schemes: Schemes,
  request: ProbeRequest,
  before: (world: World) => void = () => {},
): ProbeOutcome | ProbeProblem {
  const from = endOf(scenario, request.from)
  const to = endOf(scenario, request.to)
  if (from === null || from.kind === 'address') return unknownEnd(scenario, '--from', request.from)
  if (to === null) return unknownEnd(scenario, '--to', request.to)
  const world = buildWorld(scenario, schemes)
  const recorder = new TraceRecorder(world.simulator)
  world.ledger.tracer = recorder
  const begin = request.at ?? Math.max(0, firstStart(scenario) - HEAD_START)
  world.simulator.run(Math.max(0, begin - 1))
  before(world)
  const cables = cablesOf(world)
  const where = new Whereabouts(world)
  const probe = sendProbe(world, from, to, request, begin)
  const cpu = firstStart(scenario) >= begin + ALONE ? timesWithin(world, begin + ALONE) : []
  world.simulator.run(begin + probe.patience)
  const { events } = recorder
  const arrived = probe.arrivedAt(events)
  const journeys = journeysOf(events, cables)
  // Where work takes time, the program that sends has to be woken first.
  const sentAt = events[0]?.time ?? begin
  return {
    request,
    scenario: scenario.name,
    variant: scenario.variant,
    seed: scenario.seed,
    sentAt,
    ...toldBy(probe),
    delivered: arrived !== null,
    latency: arrived === null ? null : arrived - sentAt,
    cause: arrived === null ? diagnose(probe, events, journeys, where) : null,
    events,
    journeys,
    cables,
    missed: recorder.missed,
    cpu,
  }
}

function toldBy(probe: SentProbe) {
  const { source, destination } = probe.ends
  return {
    source: formatIpv4(source),
    destination: formatIpv4(destination),
    sendError: probe.sendError(),
    knownMtu: probe.knownMtu,
    connection: probe.connection(),
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
