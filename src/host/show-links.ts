import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { formatIpv4, lastOf, maskOf } from '../wire/ipv4-address.ts'
import { formatMac } from '../wire/mac-address.ts'
import { BridgePort } from './bridge-port.ts'
import { IpTunnel } from './ip-tunnel.ts'
import { Ipvlan } from './ipvlan.ts'
import { Macvlan } from './macvlan.ts'
import { Nic } from './nic.ts'
import type { Shown, ShowOptions } from './show.ts'
import { TUN_QUEUE_LENGTH, Tun } from './tun.ts'
import { Veth } from './veth.ts'
import { Vlan } from './vlan.ts'

/** What `ip -j link` says of a device; what is not modelled (allmulti, queues, IPv6) is not in it. */
interface LinkRow {
  readonly ifindex: number
  /** The other end or the device below: its index where it is in another namespace, else its name. */
  readonly link_index?: number
  readonly link?: string
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly qdisc: string
  readonly master?: string
  readonly operstate: string
  readonly linkmode: 'DEFAULT'
  readonly group: 'default'
  readonly txqlen: number
  readonly link_type: string
  /** Neither is there where the device has no link layer. */
  readonly address?: string
  readonly broadcast?: string
  readonly link_netnsid?: number
}

type Details = Readonly<Record<string, unknown>>

const TX_QUEUE_LENGTH = 1000

/** `ip [-j] [-d] [-s] link show [dev NAME]`. */
export function showLinks(namespace: NetNamespace, options: ShowOptions = {}): Shown {
  const devices = shownDevices(namespace, options)
  return {
    lines: devices.flatMap((device) => {
      return [...linkLines(device, ' mode DEFAULT', options), ...statisticsLines(device, options)]
    }),
    json: devices.map((device) => ({
      ...linkRow(device),
      ...detailsJson(device, options),
      ...statisticsJson(device, options),
    })),
  }
}

function shownDevices(namespace: NetNamespace, { device }: ShowOptions): NetDevice[] {
  const devices = [namespace.loopback, ...namespace.devices]
  return device === undefined ? devices : devices.filter(({ name }) => name === device)
}

function linkRow(device: NetDevice): LinkRow {
  const { ifindex, name, mtu, master } = device
  const below = belowOf(device)
  const isHere = below?.namespace === device.namespace
  return {
    ifindex,
    ...(below === null ? {} : isHere ? { link: below.name } : { link_index: below.ifindex }),
    ifname: name,
    flags: flagsOf(device),
    mtu,
    qdisc: qdiscOf(device),
    ...(master === null ? {} : { master: master.name }),
    operstate: operState(device),
    linkmode: 'DEFAULT',
    group: 'default',
    txqlen: device instanceof Tun ? TUN_QUEUE_LENGTH : TX_QUEUE_LENGTH,
    ...linkLayer(device),
    ...(below === null || isHere ? {} : { link_netnsid: netnsIdOf(device, below.namespace) }),
  }
}

/** What a device's name is printed with behind an @. */
function belowOf(device: NetDevice): NetDevice | null {
  if (device instanceof Veth) return device.peer
  const isChild = device instanceof Macvlan || device instanceof Ipvlan || device instanceof Vlan
  return isChild ? device.lower : null
}

/** A namespace has a number of its own for each other one, in the order in which it meets them. */
function netnsIdOf({ namespace }: NetDevice, other: NetNamespace): number {
  const met = namespace.devices
    .map((device) => belowOf(device)?.namespace)
    .filter((each) => each !== undefined && each !== namespace)
  return [...new Set(met)].indexOf(other)
}

function hasCarrier(device: NetDevice): boolean {
  return !(device instanceof Nic) || (device.port.peer !== null && device.port.isUp)
}

function flagsOf(device: NetDevice): string[] {
  const noCarrier = device.up && !hasCarrier(device) ? ['NO-CARRIER'] : []
  const up = device.up ? ['UP', ...(hasCarrier(device) ? ['LOWER_UP'] : [])] : []
  if (device.kind === 'loopback') return ['LOOPBACK', ...up]
  if (device instanceof IpTunnel) return ['NOARP', ...up]
  if (device.kind === 'tun') return ['POINTOPOINT', 'MULTICAST', 'NOARP', ...up]
  const noArp = device.noArp ? ['NOARP'] : []
  return [...noCarrier, 'BROADCAST', 'MULTICAST', ...noArp, ...up]
}

function qdiscOf(device: NetDevice): string {
  if (!device.up) return 'noop'
  return device instanceof Nic || device instanceof Tun ? 'fq_codel' : 'noqueue'
}

const WITHOUT_STATE = ['loopback', 'vxlan', 'dummy', 'tun']

function operState(device: NetDevice): string {
  if (!device.up || !hasCarrier(device)) return 'DOWN'
  const hasNone = WITHOUT_STATE.includes(device.kind) || device instanceof IpTunnel
  return hasNone ? 'UNKNOWN' : 'UP'
}

function linkLayer(device: NetDevice): Pick<LinkRow, 'link_type' | 'address' | 'broadcast'> {
  const address = formatMac(device.mac)
  if (device.kind === 'loopback') {
    return { link_type: 'loopback', address, broadcast: '00:00:00:00:00:00' }
  }
  if (device instanceof IpTunnel) {
    const { local, remote } = device.details() as { local: string; remote: string }
    const ends = [local, remote].map((end) => (end === 'any' ? '0.0.0.0' : end))
    return { link_type: device.kind, address: ends[0]!, broadcast: ends[1]! }
  }
  if (device.kind === 'tun') return { link_type: 'none' }
  return { link_type: 'ether', address, broadcast: 'ff:ff:ff:ff:ff:ff' }
}

function linkLines(device: NetDevice, mode: string, options: ShowOptions): string[] {
  const row = linkRow(device)
  const below = row.link ?? (row.link_index === undefined ? undefined : `if${row.link_index}`)
  const name = below === undefined ? row.ifname : `${row.ifname}@${below}`
  const master = row.master === undefined ? '' : ` master ${row.master}`
  const netns = row.link_netnsid === undefined ? '' : ` link-netnsid ${row.link_netnsid}`
  const promiscuity = options.details ? ` promiscuity ${device.promiscuity} ` : ''
  const { ifindex, flags, mtu, qdisc, operstate, txqlen, link_type, address, broadcast } = row
  const addresses = address === undefined ? '' : `${address} brd ${broadcast}`
  return [
    `${ifindex}: ${name}: <${flags.join(',')}> mtu ${mtu} qdisc ${qdisc}${master}` +
      ` state ${operstate}${mode} group default qlen ${txqlen}`,
    `    link/${link_type} ${addresses}${netns}${promiscuity}`,
    ...(options.details ? detailsLines(device) : []),
  ]
}

function isOfKind({ kind }: NetDevice): boolean {
  return kind !== '' && kind !== 'loopback'
}

function detailsJson(device: NetDevice, { details }: ShowOptions): object {
  if (!details) return {}
  const { promiscuity, rxHandler } = device
  const data = device.details()
  const info = {
    ...(isOfKind(device) ? { info_kind: device.kind } : {}),
    ...(isOfKind(device) && Object.keys(data).length > 0 ? { info_data: data } : {}),
    ...(rxHandler instanceof BridgePort
      ? { info_slave_kind: 'bridge', info_slave_data: rxHandler.details() }
      : {}),
  }
  return { promiscuity, ...(Object.keys(info).length === 0 ? {} : { linkinfo: info }) }
}

function detailsLines(device: NetDevice): string[] {
  const { kind, rxHandler } = device
  const words = device instanceof IpTunnel ? tunnelWords : (DETAIL_WORDS[kind] ?? plainWords)
  const own = isOfKind(device) ? [`    ${[kind, ...words(device.details())].join(' ')} `] : []
  if (!(rxHandler instanceof BridgePort)) return own
  const { no, ...others } = rxHandler.details()
  return [...own, `    bridge_slave ${plainWords({ ...others, port_no: no }).join(' ')} `]
}

/** `name value` for each; switches are on or off. */
function plainWords(data: Details): string[] {
  return Object.entries(data).map(([name, value]) => {
    return `${name} ${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}`
  })
}

const DETAIL_WORDS: Readonly<Record<string, (data: Details) => string[]>> = {
  vxlan: vxlanWords,
  ipvlan: ({ mode, flags }) => [` mode ${mode} ${flags}`],
  vlan: ({ protocol, id, flags }) => [`protocol ${protocol} id ${id} <${flags}>`],
}

function tunnelWords({ proto, remote, local, ttl, pmtudisc }: Details): string[] {
  return [
    ...(proto === undefined ? [] : [`${proto}`]),
    `remote ${remote} local ${local} ttl ${ttl === 0 ? 'inherit' : ttl}`,
    pmtudisc === true ? 'pmtudisc' : 'nopmtudisc',
  ]
}

function vxlanWords(data: Details): string[] {
  const range = data['port_range'] as { readonly low: number; readonly high: number }
  const named = (word: string, value: unknown) => (value === undefined ? [] : [`${word} ${value}`])
  return [
    ...(data['external'] === true ? ['external'] : []),
    `id ${data['id']}`,
    ...named('remote', data['remote']),
    ...named('local', data['local']),
    ...named('dev', data['link']),
    `srcport ${range.low} ${range.high} dstport ${data['port']}`,
    ...(data['learning'] === true ? [] : ['nolearning']),
    ...['proxy', 'l2miss', 'l3miss'].filter((flag) => data[flag] === true),
    ...named('tos', data['tos']),
    `ttl ${data['ttl'] === 0 ? 'auto' : data['ttl']}`,
    ...named('df', data['df']),
    `ageing ${data['ageing']}`,
    ...named('maxaddr', data['limit']),
    data['udp_csum'] === true ? 'udpcsum' : 'noudpcsum',
  ]
}

function statisticsJson(device: NetDevice, { statistics }: ShowOptions): object {
  if (!statistics) return {}
  const { rxBytes, rxPackets, txBytes, txPackets } = device
  return {
    stats64: {
      rx: { bytes: rxBytes, packets: rxPackets },
      tx: { bytes: txBytes, packets: txPackets },
    },
  }
}

/** Errors and drops are not counted by device: they are in the run's own account of losses. */
function statisticsLines(device: NetDevice, { statistics }: ShowOptions): string[] {
  if (!statistics) return []
  const { rxBytes, rxPackets, txBytes, txPackets } = device
  const block = (name: string, bytes: number, packets: number) => {
    const columns = [Math.max(6, `${bytes}`.length), Math.max(7, `${packets}`.length)] as const
    const row = (a: string, b: string) => `${a.padStart(columns[0])} ${b.padStart(columns[1])}`
    return [`    ${name}: ${row('bytes', 'packets')} `, `        ${row(`${bytes}`, `${packets}`)} `]
  }
  return [...block('RX', rxBytes, rxPackets), ...block('TX', txBytes, txPackets)]
}

/** `ip [-j] [-d] [-s] addr show [dev NAME]`. */
export function showAddresses(namespace: NetNamespace, options: ShowOptions = {}): Shown {
  const devices = shownDevices(namespace, options)
  return {
    lines: devices.flatMap((device) => [
      ...linkLines(device, '', options),
      ...addressesOf(device).flatMap(addressLines),
      ...statisticsLines(device, options),
    ]),
    json: devices.map((device) => {
      const { linkmode: _, ...row } = linkRow(device)
      const more = { ...detailsJson(device, options), ...statisticsJson(device, options) }
      return { ...row, ...more, addr_info: addressesOf(device) }
    }),
  }
}

interface AddressRow {
  readonly family: 'inet'
  readonly local: string
  readonly prefixlen: number
  readonly broadcast?: string
  readonly scope: string
  readonly label: string
  readonly valid_life_time: number
  readonly preferred_life_time: number
}

/** The tools' number for an address that stays. */
const FOREVER = 0xffffffff
const LOOPBACK_ADDRESSES = [{ address: 0x7f000001, length: 8 }]

function addressesOf(device: NetDevice): AddressRow[] {
  const isLoopback = device.kind === 'loopback'
  const addresses = isLoopback ? LOOPBACK_ADDRESSES : device.addresses
  return addresses.map(({ address, length }) => {
    const hasBroadcast = length < 31 && !isLoopback
    const broadcast = formatIpv4(lastOf({ base: address & maskOf(length), length }))
    return {
      family: 'inet',
      local: formatIpv4(address),
      prefixlen: length,
      ...(hasBroadcast ? { broadcast } : {}),
      scope: isLoopback ? 'host' : 'global',
      label: device.name,
      valid_life_time: FOREVER,
      preferred_life_time: FOREVER,
    }
  })
}

function addressLines({ local, prefixlen, broadcast, scope, label }: AddressRow): string[] {
  const brd = broadcast === undefined ? '' : ` brd ${broadcast}`
  return [
    `    inet ${local}/${prefixlen}${brd} scope ${scope} ${label}`,
    '       valid_lft forever preferred_lft forever',
  ]
}
