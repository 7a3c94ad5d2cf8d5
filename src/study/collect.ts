import type { L2Switch } from '../fabric/l2-switch.ts'
import type { Port } from '../link/port.ts'
import { dropReasonInfo } from '../measure/drop-reason.ts'
import type { World, WorldNetwork } from '../scenario/world.ts'
import { VERSION } from '../sim/version.ts'
import { bgpOf } from './bgp-result.ts'
import { farEnds, floodedPorts } from './floods.ts'
import type { Instruments } from './instruments.ts'
import { machineResults } from './machines.ts'
import type { DropResult, NetworkResult, RunResult, SwitchResult, WorkloadRow } from './result.ts'
import { efficiencyOf } from './snapshot.ts'
import { storeOf } from './store.ts'
import { surroundingsOf } from './surroundings.ts'
import { tablesOf } from './tables.ts'
import type { WindowMeter } from './window-meter.ts'

/** Reads everything that a run measured, at the simulator's present time. */
export function collect(world: World, instruments: Instruments, partial: boolean): RunResult {
  const { scenario, simulator, ledger } = world
  const { now } = simulator
  const hostLayers = instruments.layersInWindow()
  const bgp = bgpOf(world)
  return {
    format: 1,
    version: VERSION,
    scenario: scenario.name,
    panel: scenario.panel,
    variant: scenario.variant,
    why: scenario.why,
    source: scenario.source,
    seed: scenario.seed,
    ...costsOf(world),
    partial,
    duration: scenario.duration,
    simulated: now,
    events: simulator.events,
    networks: [...world.networks.values()].map((network) => networkOf(world, network, instruments)),
    store: storeOf(world, instruments.storeTraffic),
    ...(bgp === undefined ? {} : { bgp }),
    workloads: instruments.meters.map((meter) => rowOf(meter, now)),
    hostLayers,
    wireEfficiency: efficiencyOf(hostLayers),
    machines: machineResults(world, instruments.setUp),
    links: [...world.links.values()].map(({ model, a, b }) => ({
      name: model.name,
      rate: model.rate,
      forward: portOf(a, now),
      backward: portOf(b, now),
    })),
    switches: switchesOf(world, instruments),
    tables: tablesOf(world),
    drops: dropsOf(world),
    ledger: {
      originated: ledger.originated,
      copied: ledger.copied,
      fragments: ledger.fragments,
      segments: ledger.segments,
      delivered: ledger.delivered,
      consumed: ledger.consumed,
      merged: ledger.merged,
      split: ledger.split,
      dropped: ledger.dropped,
      held: ledger.held(),
      hops: ledger.hops,
      balanced: ledger.imbalance() === 0,
    },
    notes: notesOf(world),
    expectations: [],
  }
}

function notesOf(world: World): string[] {
  const notes = [...world.networks.values()].flatMap(({ model, scheme }) => {
    const note = scheme.note?.(model.options) ?? null
    return note === null ? [] : [`${model.name} (${scheme.variant(model.options)}): ${note}`]
  })
  return [...notes, ...world.log, ...conflictsOf(world)]
}

/** More machines than this are not named one by one. */
const CONFLICTS_SHOWN = 8

/** Who has seen one address with two MACs, as arpwatch would have noticed it. */
function conflictsOf(world: World): string[] {
  const seen: string[] = []
  for (const { root, containers } of world.hosts.values()) {
    for (const namespace of [root, ...containers.values()]) {
      const arp = namespace.arpIfAny
      if (arp === null || arp.lastConflict === null) continue
      const times = arp.conflicts === 1 ? 'once' : `${arp.conflicts} times`
      seen.push(`${namespace.name} saw an address with two MACs, ${times}: ${arp.lastConflict}`)
    }
  }
  const rest = seen.length - CONFLICTS_SHOWN
  const more = rest > 0 ? [`${rest} more saw addresses with two MACs`] : []
  return [...seen.slice(0, CONFLICTS_SHOWN), ...more]
}

/** A result's own type is wider than the documented row: what is beyond it stands in the row as well. */
function rowOf(meter: WindowMeter, now: number): WorkloadRow {
  const result = meter.workload.result(now)
  const row: object = { ...result, ...surroundingsOf(result, meter.usage()) }
  return row as WorkloadRow
}

function costsOf({ scenario, hosts }: World): Pick<RunResult, 'costs' | 'costsAbout'> {
  const names = new Set(scenario.hosts.map(({ costs }) => costs))
  if (names.size > 1) return { costs: 'mixed', costsAbout: null }
  const [host] = hosts.values()
  return { costs: [...names][0] ?? 'none', costsAbout: host?.kernel.machine?.costs.about ?? null }
}

function portOf(port: Port, now: number) {
  return {
    frames: port.txFrames,
    bytes: port.txBytes,
    wireBytes: port.txWireBytes,
    utilisation: now === 0 ? 0 : (port.txWireBytes * 8e12) / (port.rate * now),
    queuePeakBytes: port.queuePeakBytes,
  }
}

function networkOf(world: World, network: WorldNetwork, { egress }: Instruments): NetworkResult {
  const { model, scheme, daemons } = network
  const { packets, encapsulated, encapsulationBytes, routed } = egress.get(model.name)!
  const endpoints = [...world.endpoints.values()]
    .flat()
    .filter((endpoint) => endpoint.network === model.name)
  const device = endpoints[0]?.namespace.device(endpoints[0].device)
  return {
    name: model.name,
    scheme: model.scheme,
    variant: scheme.variant(model.options),
    encapsulation: packets === 0 ? null : encapsulated * 2 > packets ? 'encapsulated' : 'native',
    forwarding: packets === 0 ? null : routed * 2 > packets ? 'L3' : 'L2',
    innerMtu: device?.mtu ?? null,
    bytesAdded: encapsulated === 0 ? 0 : encapsulationBytes / encapsulated,
    attached: endpoints.length,
    failures: world.attachFailures
      .filter((failure) => failure.network === model.name)
      .map(({ container, message }) => ({ container, message })),
    log: [...daemons].flatMap(([host, daemon]) => daemon.log.map((line) => ({ host, line }))),
  }
}

function switchesOf(world: World, instruments: Instruments): SwitchResult[] {
  const { now } = world.simulator
  const readings = instruments.floodsInWindow()
  const ends = farEnds(world)
  return [...world.switches.values()].map((device) => ({
    name: device.name,
    profile: device.profile.name,
    ...macTableOf(device, now),
    floods: { ...device.floods },
    learnLimited: device.learnLimited,
    ...floodedPorts(world, device, ends, readings),
  }))
}

function macTableOf({ table }: L2Switch, now: number) {
  return {
    capacity: Number.isFinite(table.capacity) ? table.capacity : null,
    entries: table.size(now),
    peak: table.peak,
    learned: table.learned,
    refused: table.refused,
    moved: table.moved,
    aged: table.aged,
  }
}

function dropsOf(world: World): DropResult[] {
  return [...world.ledger.dropCounts()].map(({ place, reason, count }) => {
    const { kind, kernel, meaning } = dropReasonInfo(reason)
    return { place, reason, kernel: kernel ?? null, kind, meaning, count }
  })
}
