import type { CloudSwitch } from '../fabric/cloud-switch.ts'
import { equalCostNexthops } from '../fabric/routing.ts'
import type { Port } from '../link/port.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { RouterPorts } from './build-routing.ts'
import type { WorldFabric } from './world.ts'

/** A NIC on the network of a cloud. */
interface Station {
  readonly mac: MacAddress
  readonly address: Ipv4Address
  /** The switch at which its cable ends, and where. */
  readonly home: CloudSwitch
  readonly port: Port
  /** Whether the cloud checks what it sends: it does for the customer's machines. */
  readonly isChecked: boolean
}

/** Tells each switch of a cloud of every NIC and of a port on a shortest way to it. */
export function registerStations(fabric: WorldFabric, routerPorts: RouterPorts): void {
  const { clouds, links } = fabric
  const trunks = [...links.values()].filter(
    ({ model }) => clouds.has(model.from) && clouds.has(model.to),
  )
  const tables = equalCostNexthops(
    [...clouds.keys()],
    trunks.map(({ model }) => model),
  )
  stationsOf(fabric, routerPorts).forEach((station, i) => {
    const { mac, address, home, port, isChecked } = station
    home.addStation(mac, address, port, isChecked)
    for (const [name, nexthops] of tables.get(home.name)!) {
      const ways = trunks.flatMap(({ model, a, b }) => {
        if (model.from === name && nexthops.includes(model.to)) return [a]
        return model.to === name && nexthops.includes(model.from) ? [b] : []
      })
      // Ways of equal length are shared out among the stations.
      clouds.get(name)!.addStation(mac, address, ways[i % ways.length]!, false)
    }
  })
}

function stationsOf({ clouds, hosts, links }: WorldFabric, routerPorts: RouterPorts): Station[] {
  return [...links.values()].flatMap(({ model, a, b }): Station[] => {
    const [home, port, node] = clouds.has(model.to)
      ? [model.to, b, model.from]
      : [model.from, a, model.to]
    const cloud = clouds.get(home)
    if (cloud === undefined || clouds.has(node)) return []
    const host = hosts.get(node)
    if (host) {
      return [{ mac: host.nic.mac, address: host.address, home: cloud, port, isChecked: true }]
    }
    const router = routerPorts.stationBehind(port.peer!)
    return router ? [{ ...router, home: cloud, port, isChecked: false }] : []
  })
}
