/** Faults for `encap why`: one row, rule, MTU, device, link or daemon of a built world is deleted or altered. */

import { Commands } from '../../src/host/commands.ts'
import { HostDevice } from '../../src/host/host-device.ts'
import { Veth } from '../../src/host/veth.ts'
import { Vxlan } from '../../src/host/vxlan.ts'
import type { World, WorldLink } from '../../src/scenario/world.ts'
import type { RandomStream } from '../../src/sim/random.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import type { Route } from '../../src/stack/route-table.ts'
import type { Cause } from '../../src/study/why/cause.ts'
import { contains, formatIpv4, parseIpv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac, mac } from '../../src/wire/mac-address.ts'

export interface Fault {
  readonly text: string
  apply(): void
  /** Whether the cause names exactly this. */
  isNamedBy(cause: Cause): boolean
}

/** What an MTU is lowered to: less than a probe of `LONG` bytes, more than a short one. */
const NARROW = 700
const WRONG_MAC = mac('02:00:00:00:ba:d0')

/** All faults of one kind that the world admits, by kind, on the hosts `machines` and their containers. */
export function faultsOf(world: World, machines: readonly string[]): Map<string, Fault[]> {
  const kinds = new Map<string, Fault[]>()
  const add = (kind: string, faults: readonly Fault[]) => {
    if (faults.length > 0) kinds.set(kind, [...(kinds.get(kind) ?? []), ...faults])
  }
  for (const name of machines) {
    const { root, kernel } = world.hosts.get(name)!
    for (const namespace of kernel.namespaces) {
      // Nothing of a bystander's is in the way.
      if (namespace.name === 'b') continue
      add('route deleted', routesDeleted(namespace))
      add('route altered', routesAltered(world, namespace))
      add('neighbour', neighbours(namespace))
      add('fdb', fdbRows(world, namespace))
      add('rule deleted', rulesDeleted(namespace))
      add('mtu', mtus(namespace))
      add('device down', devicesDown(namespace))
    }
    add('rule added', rulesAdded(root))
    add('forwarding', [forwardingOff(root)])
    add('daemon', daemonsKilled(world, name))
  }
  add('link', [...world.links.values()].filter((link) => isAt(link, machines)).map(cut))
  return kinds
}

/** Draws `count` faults, first the kind, then one of it. */
export function drawFaults(
  kinds: ReadonlyMap<string, readonly Fault[]>,
  random: RandomStream,
  count: number,
): Fault[] {
  const drawn: Fault[] = []
  const names = [...kinds.keys()]
  while (drawn.length < count) {
    const faults = kinds.get(names[random.integer(0, names.length - 1)]!)!
    const fault = faults[random.integer(0, faults.length - 1)]!
    if (!drawn.includes(fault)) drawn.push(fault)
  }
  return drawn
}

function isRoute(cause: Cause, namespace: NetNamespace, route: Route): boolean {
  if (cause.kind !== 'route' || cause.place !== namespace.name) return false
  const address = parseIpv4(cause.subject)
  if (address !== null) return contains(route.destination, address)
  return String(route).startsWith(`${cause.subject} `)
}

function routesDeleted(namespace: NetNamespace): Fault[] {
  return namespace.routes.routes().map((route) => ({
    text: `${namespace.name}: ip route del ${route}`,
    apply: () => namespace.routes.delete(route.destination, route.metric),
    isNamedBy: (cause) => isRoute(cause, namespace, route),
  }))
}

/** The next hop of one route becomes that of another, or another host. */
function routesAltered(world: World, namespace: NetNamespace): Fault[] {
  const routes = namespace.routes.routes().filter(({ via, device }) => via !== null && device)
  const hosts = [...world.hosts.values()].map(({ address }) => address)
  return routes.flatMap((route) => {
    const pool = routes.filter(({ device }) => device === route.device).map(({ via }) => via!)
    if (hosts.includes(route.via!)) pool.push(...hosts)
    const other = pool.find((via) => via !== route.via && !namespace.isLocal(via))
    if (other === undefined) return []
    const { destination, metric, onlink } = route
    return {
      text: `${namespace.name}: ip route replace ${route} but via ${formatIpv4(other)}`,
      apply: () => {
        namespace.routes.replace({
          ...{ destination, metric, onlink, via: other, device: route.device! },
          ...(route.protocol !== null && { protocol: route.protocol }),
        })
      },
      isNamedBy: (cause) => isRoute(cause, namespace, route),
    }
  })
}

/** Rows that somebody wrote; what ARP learned, ARP learns again. */
function neighbours(namespace: NetNamespace): Fault[] {
  const rows = [...namespace.neighbours.entries()].filter(({ state }) => state === 'PERMANENT')
  const commands = new Commands(namespace)
  return rows.flatMap((row) => {
    const { address: dst, device } = row
    const isNamedBy = (cause: Cause) =>
      cause.kind === 'neighbour' &&
      cause.place === device.label &&
      cause.subject === formatIpv4(dst)
    const dev = device.name
    return [
      {
        text: `${namespace.name}: ip neigh del ${row}`,
        apply: () => commands.neigh.delete(dst, dev),
        isNamedBy,
      },
      {
        text: `${namespace.name}: ip neigh replace ${row} but lladdr ${formatMac(WRONG_MAC)}`,
        apply: () => {
          commands.neigh.replace({ dst, lladdr: WRONG_MAC, dev, nud: 'PERMANENT' })
        },
        isNamedBy,
      },
    ]
  })
}

function fdbRows(world: World, namespace: NetNamespace): Fault[] {
  const hosts = [...world.hosts.values()].map(({ address }) => address)
  return namespace.devices.flatMap((device) => {
    if (!(device instanceof Vxlan)) return []
    const rows = device.fdb.entries(world.simulator.now).filter(({ state }) => state !== '')
    return rows.flatMap(({ mac: lladdr, dst }) => {
      const other = hosts.find((address) => address !== dst && !device.namespace.isLocal(address))
      const isNamedBy = (cause: Cause) =>
        cause.kind === 'fdb' && cause.place === device.label && cause.subject === formatMac(lladdr)
      const row = `${formatMac(lladdr)} dst ${formatIpv4(dst)}`
      return [
        {
          text: `${device.label}: bridge fdb del ${row}`,
          apply: () => device.fdb.remove(lladdr, dst),
          isNamedBy,
        },
        {
          text: `${device.label}: bridge fdb replace ${row} but dst ${formatIpv4(other!)}`,
          apply: () => {
            device.fdb.remove(lladdr, dst)
            device.fdb.replace({ lladdr, dst: other! })
          },
          isNamedBy,
        },
      ]
    })
  })
}

function rulesDeleted(namespace: NetNamespace): Fault[] {
  const text = namespace.filter?.save() ?? ''
  const { iptables } = new Commands(namespace)
  let table = 'filter'
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1)
    if (!line.startsWith('-A')) return []
    const of = table
    return {
      text: `${namespace.name}: iptables -t ${of} -D ${line.slice(3)}`,
      apply: () => {
        iptables.run(`-t ${of} -D ${line.slice(3)}`)
      },
      isNamedBy: (cause) =>
        cause.kind === 'rule' && cause.place === namespace.name && cause.finding === 'missing',
    }
  })
}

function rulesAdded(root: NetNamespace): Fault[] {
  const { iptables } = new Commands(root)
  const words = [
    ...['-s 10.0.0.0/8', '-d 10.0.0.0/8', '-p icmp', '-p udp', '-p tcp', '-d 172.16.0.0/12'].map(
      (match) => `FORWARD ${match}`,
    ),
    ...['-p udp', '-p ipencap', '-p icmp', '-p esp'].flatMap((match) => [
      `INPUT ${match}`,
      `OUTPUT ${match}`,
    ]),
  ]
  return words.map((rule) => ({
    text: `${root.name}: iptables -I ${rule} -j DROP`,
    apply: () => {
      const [chain, ...rest] = rule.split(' ')
      iptables.run(`-I ${chain} 1 ${rest.join(' ')} -j DROP`)
    },
    isNamedBy: (cause) =>
      cause.kind === 'rule' &&
      cause.place === root.name &&
      cause.subject === `-t filter -A ${rule} -j DROP`,
  }))
}

function hostDevices(namespace: NetNamespace): HostDevice[] {
  return namespace.devices.filter((device) => device instanceof HostDevice)
}

function mtus(namespace: NetNamespace): Fault[] {
  return hostDevices(namespace).map((device) => ({
    text: `${namespace.name}: ip link set ${device.name} mtu ${NARROW}`,
    apply: () => {
      device.setMtu(NARROW)
    },
    isNamedBy: (cause) => cause.kind === 'mtu' && cause.place === device.label,
  }))
}

function devicesDown(namespace: NetNamespace): Fault[] {
  return hostDevices(namespace).map((device) => ({
    text: `${namespace.name}: ip link set ${device.name} down`,
    apply: () => device.setUp(false),
    isNamedBy: (cause) =>
      cause.kind === 'device' &&
      // Of a pair either end may be named: each sees the other without a carrier.
      (cause.place === device.label ||
        (device instanceof Veth && cause.place === device.peer?.label)),
  }))
}

function forwardingOff(root: NetNamespace): Fault {
  return {
    text: `${root.name}: sysctl net.ipv4.ip_forward=0`,
    apply: () => new Commands(root).sysctl('net.ipv4.ip_forward', 0),
    isNamedBy: (cause) => cause.kind === 'forwarding' && cause.place === root.name,
  }
}

function daemonsKilled(world: World, host: string): Fault[] {
  return [...world.networks.values()].flatMap(({ daemons }) => {
    const daemon = daemons.get(host)
    if (daemon === undefined) return []
    return {
      text: `${host}: kill -9 of the daemon`,
      apply: () => daemon.crash(),
      isNamedBy: (cause) => cause.kind === 'daemon' && cause.place === host,
    }
  })
}

function isAt({ model }: WorldLink, machines: readonly string[]): boolean {
  return machines.includes(model.from) || machines.includes(model.to)
}

function cut({ model, a, b }: WorldLink): Fault {
  return {
    text: `cable ${model.name} cut`,
    apply: () => {
      a.setUp(false)
      b.setUp(false)
    },
    isNamedBy: (cause) =>
      cause.kind === 'link' && (cause.place === a.label || cause.place === b.label),
  }
}
