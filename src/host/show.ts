import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Neighbour } from '../stack/neighbour.ts'
import type { Route } from '../stack/route-table.ts'
import { formatIpv4, formatPrefix, lastOf, maskOf } from '../wire/ipv4-address.ts'
import { formatMac, formatMacHalves, type MacAddress } from '../wire/mac-address.ts'
import { Bridge } from './bridge.ts'
import { BridgeFdbRow } from './bridge-fdb-row.ts'
import { Macvlan } from './macvlan.ts'
import { MacvlanPort } from './macvlan-port.ts'
import { Veth } from './veth.ts'
import { Vxlan } from './vxlan.ts'
import type { VxlanFdbRow } from './vxlan-fdb-row.ts'

/** What a tool would print of a namespace: lines, and the objects of its `-j`. */
export interface Shown {
  readonly lines: readonly string[]
  readonly json: readonly object[]
}

/** `ip [-j] route show`. */
export function showRoutes(namespace: NetNamespace): Shown {
  const routes = namespace.routes.routes()
  return { lines: routes.map((route) => `${route} `), json: routes.map(routeJson) }
}

function routeJson(route: Route): object {
  const { destination, via, device, protocol, scope, source, metric, onlink, type } = route
  const name = destination.length === 32 ? formatIpv4(destination.base) : formatPrefix(destination)
  return {
    ...(type === 'unicast' ? {} : { type }),
    dst: destination.length === 0 ? 'default' : name,
    ...(via === null ? {} : { gateway: formatIpv4(via) }),
    ...(device === null ? {} : { dev: device.name }),
    ...(protocol === null ? {} : { protocol }),
    ...(scope === 'global' ? {} : { scope }),
    ...(source === null ? {} : { prefsrc: formatIpv4(source) }),
    ...(metric === 0 ? {} : { metric }),
    flags: onlink ? ['onlink'] : [],
    ...(route.nexthops === null ? {} : { nexthops: route.nexthops.map(nexthopJson) }),
  }
}

function nexthopJson(hop: Route): object {
  const gateway = hop.via === null ? {} : { gateway: formatIpv4(hop.via) }
  return { ...gateway, dev: hop.device?.name, weight: 1, flags: [] }
}

/** `ip [-j] neigh show`. */
export function showNeighbours(namespace: NetNamespace): Shown {
  const all = [...(namespace.neighboursIfAny?.entries() ?? [])]
  const shown = all.filter(({ state }) => state !== 'NONE' && state !== 'NOARP')
  return { lines: shown.map((neighbour) => `${neighbour} `), json: shown.map(neighbourJson) }
}

function neighbourJson(neighbour: Neighbour): object {
  const { address, device, state, isValid, hi, lo } = neighbour
  return {
    dst: formatIpv4(address),
    dev: device.name,
    ...(isValid ? { lladdr: formatMacHalves(hi, lo) } : {}),
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

/** `bridge [-j] fdb show`. */
export function showFdb(namespace: NetNamespace): Shown {
  const { now } = namespace.kernel.simulator
  const rows: FdbRow[] = []
  for (const device of namespace.devices) {
    if (device instanceof Bridge) rows.push(...device.fdbEntries(now))
    if (device instanceof Vxlan) rows.push(...device.fdbEntries(now))
    if (device.rxHandler instanceof MacvlanPort) rows.push(...filterRows(device.rxHandler))
  }
  return { lines: rows.map((row) => `${row} `), json: rows.map(fdbJson) }
}

/** A child's address is in the filter of the device below it; in passthru mode it is that device's own. */
function filterRows({ lower, children }: MacvlanPort): FilterRow[] {
  return children
    .filter(({ mode }) => mode !== 'passthru')
    .map(({ mac }) => new FilterRow(mac, lower))
}

function fdbJson(row: FdbRow): object {
  const head = { mac: formatMac(row.mac), ifname: row.device.name }
  if (row instanceof FilterRow) return { ...head, flags: ['self'], state: 'permanent' }
  if (row instanceof BridgeFdbRow) {
    return { ...head, flags: [], master: row.bridge.name, state: row.state }
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

/** `ip [-j] [-d] link show`. */
export function showLinks(namespace: NetNamespace): Shown {
  const devices = [namespace.loopback, ...namespace.devices]
  return { lines: devices.flatMap(linkLines), json: devices.map(linkJson) }
}

function flagsOf(device: NetDevice): string[] {
  const kind = device.kind === 'loopback' ? ['LOOPBACK'] : ['BROADCAST', 'MULTICAST']
  const noArp = device.noArp && device.kind !== 'loopback' ? ['NOARP'] : []
  return device.up ? [...kind, ...noArp, 'UP', 'LOWER_UP'] : [...kind, ...noArp]
}

/** `eth0@if5` for a veth, `name@lower` for what stands on another device. */
function nameOf(device: NetDevice): string {
  if (device instanceof Veth && device.peer) {
    const { peer } = device
    const other = peer.namespace === device.namespace ? peer.name : `if${peer.ifindex}`
    return `${device.name}@${other}`
  }
  if (!(device instanceof Macvlan)) return device.name
  const { lower } = device
  const other = lower.namespace === device.namespace ? lower.name : `if${lower.ifindex}`
  return `${device.name}@${other}`
}

function operState(device: NetDevice): string {
  if (!device.up) return 'DOWN'
  return device.kind === 'loopback' || device.kind === 'vxlan' ? 'UNKNOWN' : 'UP'
}

function linkLines(device: NetDevice): string[] {
  const { ifindex, mtu, master } = device
  const under = master === null ? '' : ` master ${master.name}`
  const type = device.kind === 'loopback' ? 'loopback' : 'ether'
  const broadcast = type === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff'
  const head = `${ifindex}: ${nameOf(device)}: <${flagsOf(device).join(',')}> mtu ${mtu}${under}`
  return [
    `${head} state ${operState(device)}`,
    `    link/${type} ${formatMac(device.mac)} brd ${broadcast} promiscuity ${device.promiscuity}`,
  ]
}

function linkJson(device: NetDevice): object {
  const { ifindex, name, mtu, master, kind, promiscuity } = device
  const details = device.details()
  return {
    ifindex,
    ifname: name,
    flags: flagsOf(device),
    mtu,
    ...(master === null ? {} : { master: master.name }),
    operstate: operState(device),
    link_type: kind === 'loopback' ? 'loopback' : 'ether',
    address: formatMac(device.mac),
    promiscuity,
    ...(kind === '' || kind === 'loopback'
      ? {}
      : { linkinfo: { info_kind: kind, info_data: details } }),
    stats64: {
      rx: { bytes: device.rxBytes, packets: device.rxPackets },
      tx: { bytes: device.txBytes, packets: device.txPackets },
    },
  }
}

/** `ip [-j] addr show`. */
export function showAddresses(namespace: NetNamespace): Shown {
  const lines: string[] = []
  const json: object[] = []
  for (const device of [namespace.loopback, ...namespace.devices]) {
    const own = device.kind === 'loopback' ? LOOPBACK_ADDRESSES : device.addresses
    lines.push(...linkLines(device))
    const addresses = own.map(({ address, length }) => {
      const broadcast = length < 31 ? lastOf({ base: address & maskOf(length), length }) : null
      const shown = formatIpv4(address)
      const brd = broadcast === null ? '' : ` brd ${formatIpv4(broadcast)}`
      const scope = device.kind === 'loopback' ? 'host' : 'global'
      lines.push(`    inet ${shown}/${length}${brd} scope ${scope} ${device.name}`)
      return { family: 'inet', local: shown, prefixlen: length, scope, label: device.name }
    })
    json.push({ ...linkJson(device), addr_info: addresses })
  }
  return { lines, json }
}

const LOOPBACK_ADDRESSES = [{ address: 0x7f000001, length: 8 }]
