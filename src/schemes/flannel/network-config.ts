import { formatPrefix, type Ipv4Prefix, parsePrefix } from '../../wire/ipv4-address.ts'
import { parseObject } from './lease-record.ts'
import { type FlannelOptions, portOf, subnetLengthOf } from './options.ts'

/** net-conf.json, the key `config`: as far as subnets are concerned (pkg/subnet/config.go). */
export interface NetworkConfig {
  readonly network: Ipv4Prefix
  readonly subnetLength: number
  /** First and last subnet to be leased; the very first of the pool is left out. */
  readonly subnetMin: number
  readonly subnetMax: number
}

/** What an operator writes. */
export function networkConfigText(options: FlannelOptions): string {
  return JSON.stringify({
    Network: formatPrefix(options.subnet),
    SubnetLen: subnetLengthOf(options),
    Backend: { Type: options.backend, ...backendOptions(options) },
  })
}

function backendOptions(options: FlannelOptions): object {
  const direct = options.directRouting ? { DirectRouting: true } : {}
  switch (options.backend) {
    case 'vxlan':
      return { VNI: options.vni, Port: portOf(options), ...direct }
    case 'udp':
      return { Port: portOf(options) }
    case 'ipip':
      return direct
    default:
      return {}
  }
}

/** @returns the configuration, or why it is none. */
export function parseNetworkConfig(text: string): NetworkConfig | string {
  const json = parseObject(text)
  if (json === null) return 'error parsing subnet config: invalid JSON'
  const network = parsePrefix(String(json['Network']))
  if (network === null)
    return `error parsing subnet config: invalid CIDR address: ${json['Network']}`
  const shorter = network.length <= 22 ? 24 : network.length + 2
  const subnetLength = Number(json['SubnetLen'] ?? shorter)
  const size = 2 ** (32 - subnetLength)
  const count = 2 ** (subnetLength - network.length)
  return {
    network,
    subnetLength,
    subnetMin: (network.base + size) | 0,
    subnetMax: (network.base + (count - 1) * size) | 0,
  }
}
