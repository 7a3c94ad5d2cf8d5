import { SECOND } from '../sim/units.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Neighbour } from '../stack/neighbour.ts'
import type { Route } from '../stack/route-table.ts'
import { formatIpv4, formatPrefix } from '../wire/ipv4-address.ts'
import { formatMac, formatMacHalves, type MacAddress } from '../wire/mac-address.ts'
import { Bridge } from './bridge.ts'
import { BridgeFdbRow } from './bridge-fdb-row.ts'
import { MacvlanPort } from './macvlan-port.ts'
import { Vxlan } from './vxlan.ts'
import type { VxlanFdbRow } from './vxlan-fdb-row.ts'

/** What a tool would print of a namespace: lines, and the objects of its `-j`. */
export interface Shown {
  readonly lines: readonly string[]
  readonly json: readonly object[]
}

/** What is asked of a tool, as its options say it. */
export interface ShowOptions {
  /** `dev NAME`: rows of this device only, which then do not name it. */
  readonly device?: string
  /** `-d`. */
  readonly details?: boolean
  /** `-s`. */
  readonly statistics?: boolean
}

/** `ip [-j] [-d] route show [dev NAME]`. */
export function showRoutes(namespace: NetNamespace, options: ShowOptions = {}): Shown {
  const { device } = options
  const routes = namespace.routes.routes().filter((route) => {
    return device === undefined || route.device?.name === device
  })
  return {
    lines: routes.flatMap((route) => routeLines(route, options)),
    json: routes.map((route) => routeJson(route, options)),
  }
}

/** As the kernel gave it back: `boot` is what `ip route add` sets, and is shown with `-d` only. */
function protocolOf({ protocol }: Route, { details }: ShowOptions): string | null {
  return protocol ?? (details ? 'boot' : null)
}

function scopeOf({ scope, type }: Route, { details }: ShowOptions): string | null {
  if (details) return scope
  return scope === 'global' || type !== 'unicast' ? null : scope
}

function routeLines(route: Route, options: ShowOptions): string[] {
  const { via, device, source, metric, mtu, onlink, type, nexthops } = route
  const protocol = protocolOf(route, options)
  const scope = scopeOf(route, options)
  const words = [
    type === 'unicast' && !options.details ? [] : [type],
    [destinationOf(route)],
    via === null ? [] : [`via ${formatIpv4(via)}`],
    device === null || options.device !== undefined ? [] : [`dev ${device.name}`],
    protocol === null ? [] : [`proto ${protocol}`],
    scope === null ? [] : [`scope ${scope}`],
    source === null ? [] : [`src ${formatIpv4(source)}`],
    metric === 0 ? [] : [`metric ${metric}`],
    onlink ? ['onlink'] : [],
    mtu === null ? [] : [`mtu ${mtu}`],
  ]
  const hops = (nexthops ?? []).map((hop) => {
    const gateway = hop.via === null ? '' : `via ${formatIpv4(hop.via)} `
    return `\tnexthop ${gateway}dev ${hop.device?.name} weight 1 `
  })
  return [`${words.flat().join(' ')} `, ...hops]
}

function destinationOf({ destination }: Route): string {
  if (destination.length === 0) return 'default'
  return destination.length === 32 ? formatIpv4(destination.base) : formatPrefix(destination)
}

function routeJson(route: Route, options: ShowOptions): object {
  const { via, device, source, metric, mtu, onlink, type, nexthops } = route
  const protocol = protocolOf(route, options)
  const scope = scopeOf(route, options)
  return {
    ...(type === 'unicast' && !options.details ? {} : { type }),
    dst: destinationOf(route),
    ...(via === null ? {} : { gateway: formatIpv4(via) }),
    ...(device === null || options.device !== undefined ? {} : { dev: device.name }),
    ...(protocol === null ? {} : { protocol }),
    ...(scope === null ? {} : { scope }),
    ...(source === null ? {} : { prefsrc: formatIpv4(source) }),
    ...(metric === 0 ? {} : { metric }),
    flags: onlink ? ['onlink'] : [],
    ...(mtu === null ? {} : { metrics: [{ mtu }] }),
    ...(nexthops === null ? {} : { nexthops: nexthops.map(nexthopJson) }),
  }
}

function nexthopJson(hop: Route): object {
  const gateway = hop.via === null ? {} : { gateway: formatIpv4(hop.via) }
  return { ...gateway, dev: hop.device?.name, weight: 1, flags: [] }
}

/** `ip [-j] [-s] neigh show [dev NAME]`. */
export function showNeighbours(namespace: NetNamespace, options: ShowOptions = {}): Shown {
  const all = [...(namespace.neighboursIfAny?.entries() ?? [])]
  const shown = all.filter(({ state, device }) => {
    const isAsked = options.device === undefined || device.name === options.device
    return isAsked && state !== 'NONE' && state !== 'NOARP'
  })
  return {
    lines: shown.map((neighbour) => neighbourLine(neighbour, options)),
    json: shown.map((neighbour) => neighbourJson(neighbour, options)),
  }
}

/** Seconds since an entry was used, confirmed and changed, and its probes; nothing without `-s`. */
function neighbourAges(neighbour: Neighbour, { statistics }: ShowOptions) {
  if (!statistics) return null
  const { used, confirmed, updated, probes, device } = neighbour
  const { now } = device.namespace.kernel.simulator
  // What was never confirmed: as old as the run.
  const since = (time: number) => Math.floor((now - Math.max(0, time)) / SECOND)
  return { used: since(used), confirmed: since(confirmed), updated: since(updated), probes }
}

function neighbourLine(neighbour: Neighbour, options: ShowOptions): string {
  const { address, device, state, isValid, hi, lo } = neighbour
  const ages = neighbourAges(neighbour, options)
  const dev = options.device === undefined ? ` dev ${device.name}` : ''
  const lladdr = isValid ? ` lladdr ${formatMacHalves(hi, lo)}` : ''
  const statistics =
    ages === null
      ? ''
      : `  used ${ages.used}/${ages.confirmed}/${ages.updated}probes ${ages.probes}`
  return `${formatIpv4(address)}${dev}${lladdr}${statistics} ${state} `
}

function neighbourJson(neighbour: Neighbour, options: ShowOptions): object {
  const { address, device, state, isValid, hi, lo } = neighbour
  return {
    dst: formatIpv4(address),
    ...(options.device === undefined ? { dev: device.name } : {}),
    ...(isValid ? { lladdr: formatMacHalves(hi, lo) } : {}),
    ...neighbourAges(neighbour, options),
    state: [state],
  }
}

/** A unicast address besides its own that a device was asked to hear. */
class FilterRow {
  readonly mac: MacAddress
  readonly device: NetDevice

  constructor(mac: MacAddress, device: NetDevice) {
    this.mac = mac
    this.device = device
  }

  toString(): string {
    return `${formatMac(this.mac)} dev ${this.device.name} self permanent`
  }
}

type FdbRow = BridgeFdbRow | VxlanFdbRow | FilterRow

/** `bridge [-j] [-s] fdb show [dev NAME]`. */
export function showFdb(namespace: NetNamespace, options: ShowOptions = {}): Shown {
  const { now } = namespace.kernel.simulator
  const all: FdbRow[] = []
  for (const device of namespace.devices) {
    if (device instanceof Bridge) all.push(...device.fdbEntries(now))
    if (device instanceof Vxlan) all.push(...device.fdbEntries(now))
    if (device.rxHandler instanceof MacvlanPort) all.push(...filterRows(device.rxHandler))
  }
  const rows = all.filter(({ device }) => {
    return options.device === undefined || device.name === options.device
  })
  return {
    lines: rows.map((row) => fdbLine(row, options, now)),
    json: rows.map((row) => fdbJson(row, options, now)),
  }
}

/** The tool puts a blank before a state, also before that of a learned row, which has none. */
function fdbLine(row: FdbRow, { device, statistics }: ShowOptions, now: number): string {
  const isLearned = !(row instanceof FilterRow) && row.state === ''
  const plain = isLearned ? `${row} ` : `${row}`
  const line = device === undefined ? plain : plain.replace(` dev ${device}`, '')
  if (!statistics || !(row instanceof BridgeFdbRow)) return line
  const used = secondsUnused(row, now)
  return line.replace(' master ', ` used ${used}/${used} master `)
}

function secondsUnused({ lastSeen }: BridgeFdbRow, now: number): number {
  return Math.floor((now - lastSeen) / SECOND)
}

/** A child's address is in the filter of the device below it; in passthru mode it is that device's own. */
function filterRows({ lower, children }: MacvlanPort): FilterRow[] {
  return children
    .filter(({ mode }) => mode !== 'passthru')
    .map(({ mac }) => new FilterRow(mac, lower))
}

function fdbJson(row: FdbRow, { device, statistics }: ShowOptions, now: number): object {
  const head = {
    mac: formatMac(row.mac),
    ...(device === undefined ? { ifname: row.device.name } : {}),
  }
  if (row instanceof FilterRow) return { ...head, flags: ['self'], state: 'permanent' }
  if (row instanceof BridgeFdbRow) {
    const used = secondsUnused(row, now)
    const ages = statistics ? { used, updated: used } : {}
    return { ...head, ...ages, flags: [], master: row.bridge.name, state: row.state }
  }
  return {
    ...head,
    dst: formatIpv4(row.dst),
    ...(row.port === 0 ? {} : { port: row.port }),
    ...(row.vni === 0 ? {} : { vni: row.vni }),
    flags: ['self'],
    state: row.state,
  }
}
