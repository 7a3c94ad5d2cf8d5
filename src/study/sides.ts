import type { Machine } from '../cpu/machine.ts'
import type { Host } from '../host/host.ts'
import type { Port } from '../link/port.ts'
import type { EndpointRef, WorkloadModel } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'

/** The hosts between which a workload runs. */
export interface Sides {
  readonly senders: ReadonlySet<Host>
  readonly receivers: ReadonlySet<Host>
}

/** One direction of a cable of the fabric. */
export interface Lane {
  readonly link: string
  readonly direction: 'forward' | 'backward'
  /** The end that sends. */
  readonly port: Port
}

/** Ends outside of the model, such as an address that is nobody's, are left out. */
export function sidesOf(world: World, model: WorkloadModel): Sides {
  const senders = new Set<Host>()
  const receivers = new Set<Host>()
  const add = (side: Set<Host>, end: EndpointRef) => {
    const host = hostOf(world, end)
    if (host !== null) side.add(host)
  }
  const direction = model.kind === 'tcp' ? model.direction : 'forward'
  if (model.kind === 'kv') {
    for (const client of model.clients) add(senders, client)
    for (const { host } of world.store!.members) receivers.add(host)
  }
  for (const { from, to } of 'flows' in model ? model.flows : []) {
    if (direction !== 'reverse') {
      add(senders, from)
      add(receivers, to)
    }
    if (direction !== 'forward') {
      add(senders, to)
      add(receivers, from)
    }
  }
  return { senders, receivers }
}

function hostOf(world: World, end: EndpointRef): Host | null {
  if (end.kind === 'host') return world.hosts.get(end.name) ?? null
  for (const host of world.hosts.values()) {
    if (end.kind === 'container') {
      if (host.containers.has(end.name)) return host
    } else if (host.address === end.address) return host
  }
  if (end.kind === 'container') return null
  for (const [name, endpoints] of world.endpoints) {
    if (!endpoints.some(({ address }) => address === end.address)) continue
    return hostOf(world, { kind: 'container', name })
  }
  return null
}

/** Each machine once, in the order of its hosts. */
export function machinesOf(hosts: Iterable<Host>): readonly Machine[] {
  const machines = new Set<Machine>()
  for (const { kernel } of hosts) if (kernel.machine !== null) machines.add(kernel.machine)
  return [...machines]
}

/**
 * The lanes that the packets of a workload may take: from its senders, towards its receivers, and
 * whatever lies between switches, for which of several equal ways a flow took is not known here.
 */
export function lanesOf(world: World, { senders, receivers }: Sides): readonly Lane[] {
  const lanes: Lane[] = []
  for (const { model, a, b } of world.links.values()) {
    const [from, to] = [world.hosts.get(model.from), world.hosts.get(model.to)]
    if (isOnPath(from, to)) lanes.push({ link: model.name, direction: 'forward', port: a })
    if (isOnPath(to, from)) lanes.push({ link: model.name, direction: 'backward', port: b })
  }
  return lanes

  function isOnPath(from: Host | undefined, to: Host | undefined): boolean {
    const mayLeave = from === undefined || senders.has(from)
    return mayLeave && (to === undefined || receivers.has(to))
  }
}
