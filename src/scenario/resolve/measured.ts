/** What workloads with a measuring window share: the window itself, cores, and whether time passes. */
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { EndpointRef, Flow, HostModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { WorkloadEntry } from '../schema/workload.ts'
import type { Context } from './context.ts'
import type { Ends } from './workloads.ts'

/** Those that are measured over a window. */
export type MeasuredEntry = Extract<WorkloadEntry, { warmup?: number }>
export type PairedEntry = Exclude<WorkloadEntry, { kind: 'macof' | 'kv' }>

/** Share of `for` that is cut off, and the most of it: slow start is longer than a first packet. */
const WARMUP: Readonly<Record<MeasuredEntry['kind'], { share: number; most: number }>> = {
  udp: { share: 0.1, most: 10 * MILLISECOND },
  'udp-rr': { share: 0.1, most: 10 * MILLISECOND },
  tcp: { share: 0.2, most: SECOND },
  'tcp-rr': { share: 0.1, most: 100 * MILLISECOND },
  'tcp-crr': { share: 0.1, most: 100 * MILLISECOND },
  kv: { share: 0.1, most: 100 * MILLISECOND },
}

const LOOPBACK = 127

/** Picoseconds. */
export function warmupOf(context: Context, entry: MeasuredEntry, path: Path): number {
  const { share, most } = WARMUP[entry.kind]
  const { warmup, for: duration } = entry
  if (warmup === undefined) {
    // Of a given number of bytes all count.
    return 'bytes' in entry ? 0 : Math.min(most, Math.floor(duration * share))
  }
  if (warmup >= duration) {
    const message = 'the warm-up takes all of the time'
    context.report('conflict', [...path, 'warmup'], message, 'a longer "for", or a shorter warmup')
  }
  return warmup
}

/** The cores that are named, which every host of these flows must have. */
export function coresOf(
  context: Context,
  entry: PairedEntry,
  path: Path,
  flows: readonly Flow[],
  ends: Ends,
): { senderCore: number | null; receiverCore: number | null } {
  const { senderCore = null } = entry
  const receiverCore = 'receiverCore' in entry ? (entry.receiverCore ?? null) : null
  checkCore(context, senderCore, [...path, 'senderCore'], flows, 'from', ends)
  checkCore(context, receiverCore, [...path, 'receiverCore'], flows, 'to', ends)
  return { senderCore, receiverCore }
}

function checkCore(
  context: Context,
  core: number | null,
  path: Path,
  flows: readonly Flow[],
  end: 'from' | 'to',
  ends: Ends,
): void {
  if (core === null) return
  for (const flow of flows) {
    const host = hostOf(flow[end], ends)
    if (host === null || core < host.cpus) continue
    const message = `${host.name} has no core ${core}`
    context.report('out_of_range', path, message, `0 to ${host.cpus - 1}, or more hosts.cpus`)
    return
  }
}

/** A sender without a rate goes as fast as its core: there must be one. */
export function checkUnpaced(
  context: Context,
  path: Path,
  flows: readonly Flow[],
  ends: Ends,
): void {
  for (const { from } of flows) {
    const host = hostOf(from, ends)
    if (host === null || host.costs !== 'none') continue
    const message = `"max" is as fast as the cores can, and on ${host.name} work takes no time`
    context.report('conflict', path, message, 'a packet rate, or hosts.costs: server-2020s')
    return
  }
}

/** Where neither a cable nor a core takes time, TCP would send without end in one instant. */
export function checkTakesTime(
  context: Context,
  path: Path,
  flows: readonly Flow[],
  ends: Ends,
): void {
  const isBench = context.input.fabric.mode === 'bench'
  for (const { from, to } of flows) {
    const sender = hostOf(from, ends)
    if (sender === null || sender.costs !== 'none') continue
    const receiver = isLoopback(to) ? sender : hostOf(to, ends)
    if (receiver === null || (receiver !== sender && !isBench)) continue
    const where = isBench ? 'on a bench' : `both on ${sender.name}`
    const message = `the two ends are ${where}, where nothing takes time: TCP would never end`
    context.report('conflict', path, message, 'give "bytes", or hosts.costs: server-2020s')
    return
  }
}

function isLoopback(end: EndpointRef): boolean {
  return end.kind === 'address' && end.address >>> 24 === LOOPBACK
}

/** The host of an end; null for an address that is no host's, as far as the file tells. */
function hostOf(end: EndpointRef, { hosts, containers }: Ends): HostModel | null {
  const named = (name: string | undefined) => hosts.find((each) => each.name === name) ?? null
  if (end.kind === 'host') return named(end.name)
  if (end.kind === 'container') {
    return named(containers.find((each) => each.name === end.name)?.host)
  }
  const { address } = end
  const owner = containers.find((each) => each.address === address)
  return owner ? named(owner.host) : (hosts.find((each) => each.address === address) ?? null)
}
