import { formatIpv4, formatPrefix, type Ipv4Address, prefix } from '../../wire/ipv4-address.ts'
import { goJson, sortedObject } from './go-json.ts'
import { type Pool, poolId } from './ipam.ts'
import { type DockerOverlayOptions, type SubnetWish, subnetWishes } from './options.ts'

/** One subnet of a network. */
export interface StoredSubnet {
  readonly pool: Pool
  readonly gateway: Ipv4Address
  /** `--aux-address`. */
  readonly reserved: readonly Ipv4Address[]
}

/** A network as every daemon reads it from the store. */
export interface StoredNetwork {
  readonly id: string
  readonly name: string
  /** In the user's order. */
  readonly subnets: readonly StoredSubnet[]
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
  const { id, name, subnets, isInternal } = network
  const { mtu, encrypted } = options
  const wishes = subnetWishes(options)
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
    ipamV4Config: goJson(wishes.map(wished)),
    ipamV4Info: goJson(
      subnets.map((subnet, i) => ({
        IPAMData: ipamData(subnet, wishes[i]!),
        PoolID: poolId(subnet.pool),
      })),
    ),
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

function wished({ subnet, ipRange, gateway, auxAddresses }: SubnetWish) {
  const aux = Object.entries(auxAddresses).map(([key, value]) => [key, formatIpv4(value)] as const)
  return {
    PreferredPool: subnet === null ? '' : formatPrefix(subnet),
    SubPool: ipRange === null ? '' : formatPrefix(ipRange),
    Gateway: gateway === null ? '' : formatIpv4(gateway),
    AuxAddresses: aux.length === 0 ? null : sortedObject(aux),
  }
}

function ipamData({ pool, gateway }: StoredSubnet, { auxAddresses }: SubnetWish) {
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

/** What `docker network rm` writes first, and again when the pools have been given back. */
export function networkJsonInDelete(value: string, hasPools: boolean): string {
  const entries = Object.entries(JSON.parse(value) as Record<string, unknown>)
  const left = entries.filter(([key]) => hasPools || key !== 'ipamV4Info')
  return goJson({ ...Object.fromEntries(left), inDelete: true })
}

/** @returns null of a network of another driver. */
export function parseNetwork(value: string): StoredNetwork | null {
  const record = JSON.parse(value) as Record<string, unknown>
  if (record['networkType'] !== 'overlay') return null
  // Of one that is being removed the pools go first.
  const infos = JSON.parse(String(record['ipamV4Info'] ?? '[]')) as PoolInfo[]
  return {
    id: String(record['id']),
    name: String(record['name']),
    subnets: infos.map(parseSubnet),
    isInternal: record['internal'] === true,
  }
}

interface IpamData {
  readonly AuxAddresses?: Readonly<Record<string, string>>
  readonly Gateway: string
  readonly Pool: string
}

function parseSubnet({ IPAMData, PoolID }: PoolInfo): StoredSubnet {
  const data = JSON.parse(IPAMData) as IpamData
  const [, , , childBase, childLength] = PoolID.split('/')
  const range = childBase === undefined ? null : prefix(`${childBase}/${childLength}`)
  return {
    pool: { subnet: prefix(data.Pool), range },
    gateway: addressOf(data.Gateway),
    reserved: Object.values(data.AuxAddresses ?? {}).map(addressOf),
  }
}

/** Of an address with the length of its prefix. */
function addressOf(text: string): Ipv4Address {
  return prefix(text.replace(/\/.*/, '')).base
}

/** One subnet in the driver's record: its VNI is 0 until its first container anywhere. */
export interface OverlaySubnet {
  readonly SubnetIP: string
  readonly GwIP: string
  readonly Vni: number
}

/** The driver's own record of a network. */
export interface OverlayRecord {
  /** Of the underlay, as the user gave it; 0 = not given. */
  readonly mtu: number
  /** `-o encrypted`. */
  readonly secure: boolean
  readonly subnets: readonly OverlaySubnet[]
}

export function overlayRecordOf(
  { subnets }: StoredNetwork,
  { mtu = 0, encrypted: secure }: DockerOverlayOptions,
): OverlayRecord {
  const records = subnets.map(({ pool, gateway }) => ({
    SubnetIP: formatPrefix(pool.subnet),
    GwIP: interfaceAddress(gateway, pool),
    Vni: 0,
  }))
  return { mtu, secure, subnets: records }
}

export function overlayJson({ mtu, secure, subnets }: OverlayRecord): string {
  return goJson({ mtu, secure, subnets })
}

export function parseOverlay(value: string): OverlayRecord {
  return JSON.parse(value) as OverlayRecord
}
