import type { L2Switch } from '../fabric/l2-switch.ts'
import type { Router } from '../fabric/router.ts'
import type { Shown } from '../host/show.ts'
import { SECOND } from '../sim/units.ts'
import type { Neighbour } from '../stack/neighbour.ts'
import type { Route } from '../stack/route-table.ts'
import { formatIpv4, formatPrefix } from '../wire/ipv4-address.ts'
import { formatMac, formatMacHalves } from '../wire/mac-address.ts'

/** `show mac address-table` of IOS, as Catalyst 6500 words it: the one with ages. */
export function showMacTable(device: L2Switch): Shown {
  const { now } = device
  const entries = [...device.table.entries(now)]
  const rows = entries.map(({ vlan, mac, port, lastSeen, isStatic }) => ({
    vlan,
    mac: formatMac(mac),
    type: isStatic ? 'static' : 'dynamic',
    port: device.ports[port]!.name,
    age: isStatic ? null : Math.floor((now - lastSeen) / SECOND),
  }))
  const lines = rows.map(({ vlan, mac, type, port, age }) => {
    const learn = age === null ? 'No' : 'Yes'
    const seconds = `${age ?? '-'}`
    const head = `*${`${vlan}`.padStart(5)}  ${dotted(mac)}  ${type.padStart(7)}`
    return `${head}  ${learn.padEnd(3)} ${seconds.padStart(10)}   ${port}`
  })
  const legend = ['Legend: * - primary entry', '        age - seconds since last seen', '']
  const head = '  vlan     mac address     type  learn     age      ports'
  const rule = '------+----------------+--------+-----+----------+--------------------------'
  return { lines: [...legend, head, rule, ...lines], json: rows }
}

/** `0242.0a14.0001`. */
function dotted(mac: string): string {
  return mac.replace(/(..):(..):(..):(..):(..):(..)/, '$1$2.$3$4.$5$6')
}

/** `show ip arp` of IOS; the router's own addresses have no age. */
export function showArpTable({ namespace }: Router): Shown {
  const { now } = namespace.kernel.simulator
  const own = namespace.devices.flatMap(({ addresses, mac, name }) => {
    return addresses.map(({ address }) => {
      return { address: formatIpv4(address), age: null, mac: formatMac(mac), interface: name }
    })
  })
  const learned = [...(namespace.neighboursIfAny?.entries() ?? [])]
    .filter(({ state }) => state !== 'NONE' && state !== 'NOARP')
    .map((neighbour) => arpRow(neighbour, now))
  const rows = [...own, ...learned]
  const lines = rows.map(({ address, age, mac, interface: port }) => {
    const minutes = age === null ? '-' : `${Math.floor(age / 60)}`
    const hardware = mac === null ? 'Incomplete' : dotted(mac)
    return `Internet  ${address.padEnd(15)} ${minutes.padStart(10)}   ${hardware.padEnd(14)}  ARPA   ${port}`
  })
  const head = 'Protocol  Address          Age (min)  Hardware Addr   Type   Interface'
  return { lines: [head, ...lines], json: rows }
}

function arpRow({ address, device, isValid, hi, lo, confirmed, updated }: Neighbour, now: number) {
  const since = Number.isFinite(confirmed) ? Math.max(confirmed, updated) : updated
  return {
    address: formatIpv4(address),
    age: Math.floor((now - since) / SECOND),
    mac: isValid ? formatMacHalves(hi, lo) : null,
    interface: device.name,
  }
}

/** `show ip cef` of IOS: what stands in the hardware, a row for each next hop. */
export function showFib({ namespace }: Router): Shown {
  const rows = namespace.routes.routes().map((route) => ({
    prefix: formatPrefix(route.destination),
    nexthops: (route.nexthops ?? [route]).map(nexthopOf),
  }))
  const lines = rows.flatMap(({ prefix, nexthops }) => {
    return nexthops.map(({ nexthop, interface: port }, i) => {
      return `${(i === 0 ? prefix : '').padEnd(20)} ${nexthop.padEnd(20)} ${port}`.trimEnd()
    })
  })
  const head = `${'Prefix'.padEnd(20)} ${'Next Hop'.padEnd(20)} Interface`
  return { lines: [head, ...lines], json: rows }
}

/** An address, or what IOS calls a route that has none: attached, or drop. */
function nexthopOf({ via, device, type }: Route): { nexthop: string; interface: string } {
  const nexthop = via === null ? (type === 'unicast' ? 'attached' : 'drop') : formatIpv4(via)
  return { nexthop, interface: device?.name ?? '' }
}
