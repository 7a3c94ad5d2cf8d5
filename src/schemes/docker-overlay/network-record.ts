import { formatIpv4, formatPrefix, type Ipv4Address, prefix } from '../../wire/ipv4-address.ts'
import { goJson, sortedObject } from './go-json.ts'
import { type Pool, poolId } from './ipam.ts'
import type { DockerOverlayOptions } from './options.ts'

/** A network as every daemon reads it from the store. */
export interface StoredNetwork {
  readonly id: string
  readonly name: string
  readonly pool: Pool
  readonly gateway: Ipv4Address
  readonly isInternal: boolean
}

interface PoolInfo {
  readonly IPAMData: string
  readonly PoolID: string
}

const DRIVER_MTU = 'com.docker.network.driver.mtu'

function interfaceAddress(address: Ipv4Address, { subnet }: Pool): string {
  return `${formatIpv4(address)}/${subnet.length}`
}

/** What `docker network create` writes under `network/`. @param created RFC 3339. */
export function networkJson(
  network: StoredNetwork,
  options: DockerOverlayOptions,
  created: string,
): string {
  const { id, name, pool, gateway, isInternal } = network
  const { mtu, encrypted } = options
  const driver = {
    ...(mtu === undefined ? {} : { [DRIVER_MTU]: String(mtu) }),
    ...(encrypted ? { encrypted: '' } : {}),
  }
  return goJson({
    addrSpace: 'GlobalDefault',
    attachable: false,
    configFrom: '',
    configOnly: false,
    created,
    enableIPv6: false,
    generic: {
      'com.docker.network.enable_ipv6': false,
      'com.docker.network.generic': driver,
      ...(isInternal ? { 'com.docker.network.internal': true } : {}),
    },
    id,
    inDelete: false,
    ingress: false,
    internal: isInternal,
    ipamOptions: {},
    ipamType: 'default',
    ipamV4Config: goJson([wished(options)]),
    ipamV4Info: goJson([{ IPAMData: ipamData(pool, gateway, options), PoolID: poolId(pool) }]),
    labels: {},
    loadBalancerIP: '',
    loadBalancerMode: 'NAT',
    name,
    networkType: 'overlay',
    persist: true,
    postIPv6: false,
    scope: 'global',
  })
}

function wished({ subnet, ipRange, gateway, auxAddresses }: DockerOverlayOptions) {
  const aux = Object.entries(auxAddresses).map(([key, value]) => [key, formatIpv4(value)] as const)
  return {
    PreferredPool: subnet === undefined ? '' : formatPrefix(subnet),
    SubPool: ipRange === undefined ? '' : formatPrefix(ipRange),
    Gateway: gateway === undefined ? '' : formatIpv4(gateway),
    AuxAddresses: aux.length === 0 ? null : sortedObject(aux),
  }
}

function ipamData(pool: Pool, gateway: Ipv4Address, { auxAddresses }: DockerOverlayOptions) {
  const aux = Object.entries(auxAddresses).map(
    ([key, value]) => [key, interfaceAddress(value, pool)] as const,
  )
  return goJson({
    AddressSpace: 'GlobalDefault',
    ...(aux.length === 0 ? {} : { AuxAddresses: sortedObject(aux) }),
    Gateway: interfaceAddress(gateway, pool),
    Pool: formatPrefix(pool.subnet),
  })
}

/** @returns null of a network of another driver. */
export function parseNetwork(value: string): StoredNetwork | null {
  const record = JSON.parse(value) as Record<string, unknown>
  if (record['networkType'] !== 'overlay') return null
  const [info] = JSON.parse(String(record['ipamV4Info'])) as PoolInfo[]
  const data = JSON.parse(info!.IPAMData) as { Gateway: string; Pool: string }
  const [, , , childBase, childLength] = info!.PoolID.split('/')
  const range = childBase === undefined ? null : prefix(`${childBase}/${childLength}`)
  return {
    id: String(record['id']),
    name: String(record['name']),
    pool: { subnet: prefix(data.Pool), range },
    gateway: prefix(data.Gateway.replace(/\/.*/, '')).base,
    isInternal: record['internal'] === true,
  }
}

/** The driver's own record of a network: its VNI is 0 until the first container anywhere. */
export interface OverlayRecord {
  /** Of the underlay, as the user gave it; 0 = not given. */
  readonly mtu: number
  readonly subnetIp: string
  readonly gateway: string
  readonly vni: number
  /** `-o encrypted`. */
  readonly isSecure: boolean
}

export function overlayRecordOf(
  { pool, gateway }: StoredNetwork,
  { mtu = 0, encrypted }: DockerOverlayOptions,
): OverlayRecord {
  const subnetIp = formatPrefix(pool.subnet)
  const isSecure = encrypted
  return { mtu, subnetIp, gateway: interfaceAddress(gateway, pool), vni: 0, isSecure }
}

export function overlayJson({ mtu, subnetIp, gateway, vni, isSecure }: OverlayRecord): string {
  const subnets = [{ SubnetIP: subnetIp, GwIP: gateway, Vni: vni }]
  return goJson({ mtu, secure: isSecure, subnets })
}

export function parseOverlay(value: string): OverlayRecord {
  const { mtu, secure, subnets } = JSON.parse(value) as {
    mtu: number
    secure: boolean
    subnets: { SubnetIP: string; GwIP: string; Vni: number }[]
  }
  const [subnet] = subnets
  return {
    mtu,
    subnetIp: subnet!.SubnetIP,
    gateway: subnet!.GwIP,
    vni: subnet!.Vni,
    isSecure: secure,
  }
}
