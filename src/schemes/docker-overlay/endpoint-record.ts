import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import { formatMac, type MacAddress } from '../../wire/mac-address.ts'
import { goJson } from './go-json.ts'
import { type Pool, poolId } from './ipam.ts'

/** A container's place on a network, as it stands in the store. */
export interface EndpointRecord {
  readonly id: string
  /** Of the container. */
  readonly name: string
  readonly containerId: string
  readonly address: Ipv4Address
  readonly mac: MacAddress
  readonly pool: Pool
  /** Address of the host. */
  readonly locator: Ipv4Address
  /** Name of the container's end before it was moved in; '' = not joined. */
  readonly sourceName: string
  /** Id of the sandbox; '' = not joined. */
  readonly sandbox: string
}

export function endpointJson(endpoint: EndpointRecord): string {
  const { address, pool } = endpoint
  const isJoined = endpoint.sandbox !== ''
  return goJson({
    anonymous: false,
    disableResolution: false,
    ep_iface: {
      addr: `${formatIpv4(address)}/${pool.subnet.length}`,
      dstPrefix: isJoined ? 'eth' : '',
      mac: formatMac(endpoint.mac),
      routes: null,
      srcName: endpoint.sourceName,
      v4PoolID: poolId(pool),
      v6PoolID: '',
    },
    exposed_ports: [],
    generic: {
      'com.docker.network.endpoint.exposedports': [],
      'com.docker.network.portmap': [],
    },
    id: endpoint.id,
    ingressPorts: null,
    joinInfo: { StaticRoutes: null, disableGatewayService: false },
    loadBalancer: false,
    locator: formatIpv4(endpoint.locator),
    myAliases: [endpoint.containerId.slice(0, 12)],
    name: endpoint.name,
    sandbox: endpoint.sandbox,
    svcAliases: null,
    svcID: '',
    svcName: '',
    virtualIP: '<nil>',
  })
}

/** Name of the container of an endpoint in the store. */
export function endpointName(value: string): string {
  return (JSON.parse(value) as { name: string }).name
}
