import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Prefix,
  overlaps,
} from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding } from '../contract.ts'
import { startDocker } from './docker-daemon.ts'
import { sizeOf } from './ipam.ts'
import {
  CONTROL_MTU,
  type DockerOverlayOptions,
  dockerOverlayOptions,
  overlayMtu,
  type SubnetWish,
  subnetWishes,
  VXLAN_PORT,
} from './options.ts'
import { startSwarm } from './swarm/swarm-daemon.ts'

const MTU_MIN = 68
const KINDS: readonly string[] = ['etcd', 'consul']

function check(options: DockerOverlayOptions, context: SchemeContext): readonly SchemeFinding[] {
  return [
    ...(options.mode === 'swarm'
      ? checkManagers(options, context)
      : checkClassic(options, context)),
    ...checkAddresses(options),
    ...checkRoom(options, context),
    ...checkGatewayBridge(options, context),
  ]
}

function checkManagers(
  { managers }: DockerOverlayOptions,
  { hosts }: SchemeContext,
): SchemeFinding[] {
  if (managers === undefined) return []
  const names = hosts.map(({ name }) => name)
  const remedy = `hosts of the scenario, such as ${names[0]}`
  if (managers.length === 0) {
    return [{ path: ['managers'], message: 'a swarm without managers', remedy }]
  }
  return managers.flatMap((name, i) =>
    names.includes(name)
      ? []
      : [{ path: ['managers', i], message: `${name} is no host of the scenario`, remedy }],
  )
}

function checkClassic(options: DockerOverlayOptions, context: SchemeContext): SchemeFinding[] {
  const findings = checkStore(context)
  if (options.version === '28.0') {
    const message = 'external stores went with release 23.0'
    findings.push({ path: ['version'], message, remedy: 'an older one, or "mode: swarm"' })
  }
  if (options.managers !== undefined) {
    const message = 'managers are of swarm mode'
    findings.push({ path: ['managers'], message, remedy: 'add "mode: swarm"' })
  }
  if (options.dataPathPort !== VXLAN_PORT) {
    const message = 'the port can be chosen in swarm mode only'
    findings.push({ path: ['dataPathPort'], message, remedy: 'add "mode: swarm"' })
  }
  if (options.networkControlPlaneMtu !== CONTROL_MTU) {
    const message = 'only swarm mode has this gossip'
    findings.push({ path: ['networkControlPlaneMtu'], message, remedy: 'add "mode: swarm"' })
  }
  return findings
}

function checkStore({ store }: SchemeContext): SchemeFinding[] {
  const remedy = 'store: { kind: etcd }, or consul; or mode: swarm, which needs none'
  if (store === null) {
    const message = 'the daemons of this scheme find networks and each other in a store'
    return [{ path: ['scheme'], message, remedy }]
  }
  if (KINDS.includes(store.kind)) return []
  return [{ path: ['scheme'], message: `the daemons cannot ask a store of ${store.kind}`, remedy }]
}

function checkAddresses(options: DockerOverlayOptions): SchemeFinding[] {
  const { subnet, ipRange, gateway, auxAddresses, moreSubnets, mtu, encrypted } = options
  const findings: SchemeFinding[] = []
  const add = (path: SchemeFinding['path'], message: string, remedy: string) =>
    findings.push({ path, message, remedy })
  if (mtu !== undefined && overlayMtu(mtu, encrypted) < MTU_MIN) {
    add(['mtu'], `VXLAN leaves ${overlayMtu(mtu, encrypted)} bytes of ${mtu}`, 'at least 118 bytes')
  }
  if (subnet === undefined) {
    const orphans = Object.keys(auxAddresses).map((key) => ['auxAddresses', key])
    if (gateway !== undefined) orphans.unshift(['gateway'])
    if (ipRange !== undefined) add(['ipRange'], 'a range without its subnet', 'add "subnet"')
    for (const path of orphans) add(path, 'an address without its subnet', 'add "subnet"')
    if (moreSubnets.length > 0) add(['moreSubnets'], 'further ones without a first', 'add "subnet"')
    return findings
  }
  const wishes = subnetWishes(options)
  wishes.forEach((wish, i) => {
    const path = i === 0 ? [] : ['moreSubnets', i - 1]
    checkSubnet(wish, (key, message, remedy) => add([...path, key], message, remedy))
  })
  const blocks = [subnet, ...moreSubnets.map((each) => each.subnet)]
  const texts = blocks.map(formatPrefix).join(' or ')
  for (const [key, address] of Object.entries(auxAddresses)) {
    if (blocks.some((block) => contains(block, address))) continue
    const message = `${formatIpv4(address)} is not in ${texts}`
    add(['auxAddresses', key], message, `an address of ${texts}`)
  }
  return findings
}

function checkSubnet(
  { subnet, ipRange, gateway }: SubnetWish,
  add: (key: string, message: string, remedy: string) => void,
): void {
  if (subnet === null) return
  const text = formatPrefix(subnet)
  if (ipRange !== null && !isWithin(ipRange, subnet)) {
    add('ipRange', `${formatPrefix(ipRange)} is not within ${text}`, `a part of ${text}`)
  }
  if (gateway !== null && !contains(subnet, gateway)) {
    add('gateway', `${formatIpv4(gateway)} is not in ${text}`, `an address of ${text}`)
  }
}

/** In a swarm each host with containers has one address more, since 18.06. */
function balancersOf(
  { mode, version }: DockerOverlayOptions,
  hosts: SchemeContext['hosts'],
): number {
  if (mode === 'classic' || version === '17.06') return 0
  return hosts.filter(({ containers }) => containers > 0).length
}

function isWithin(inner: Ipv4Prefix, outer: Ipv4Prefix): boolean {
  return inner.length >= outer.length && contains(outer, inner.base)
}

/** The hosts share the addresses: network, broadcast and gateway are not for containers. */
function checkRoom(options: DockerOverlayOptions, { hosts }: SchemeContext): SchemeFinding[] {
  const { ipRange } = options
  const total = hosts.reduce((sum, { containers }) => sum + containers, balancersOf(options, hosts))
  const room = subnetWishes(options).reduce((sum, wish) => sum + roomOf(wish), 0)
  if (total <= room) return []
  return [
    {
      path: [ipRange === undefined ? 'subnet' : 'ipRange'],
      message: `the hosts need ${total} addresses, and share ${Math.max(0, room)} addresses`,
      remedy: 'give a larger one',
    },
  ]
}

function roomOf({ subnet, ipRange, auxAddresses }: SubnetWish): number {
  const block = ipRange ?? subnet ?? { base: 0, length: 24 }
  const aux = Object.values(auxAddresses).filter((address) => contains(block, address))
  return sizeOf(block) - (ipRange === null ? 3 : 0) - aux.length
}

function checkGatewayBridge(
  options: DockerOverlayOptions,
  { fabricSubnet }: SchemeContext,
): SchemeFinding[] {
  const { gatewayBridgeSubnet: block } = options
  const subnets = subnetWishes(options).flatMap(({ subnet }) => subnet ?? [])
  const other = [fabricSubnet, ...subnets].find((each) => overlaps(block, each))
  if (other === undefined) return []
  const message = `docker_gwbridge's ${formatPrefix(block)} overlaps ${formatPrefix(other)}`
  return [
    { path: ['gatewayBridgeSubnet'], message, remedy: 'another block, such as 172.19.0.0/16' },
  ]
}

export const dockerOverlayScheme: Scheme<DockerOverlayOptions> = {
  name: 'docker-overlay',
  summary:
    'Docker overlay networks, with an external store and Serf or in swarm mode: a VXLAN segment a network.',
  options: dockerOverlayOptions,
  removal: 'docker network rm',
  variant: ({ mode }) => `docker-overlay/${mode}`,
  check,
  showcase: [
    { name: 'docker-overlay/classic (etcd)', store: { kind: 'etcd', members: 3 } },
    { name: 'docker-overlay/classic (consul)', store: { kind: 'consul', members: 3 } },
    { name: 'docker-overlay/swarm', options: { mode: 'swarm' } },
    {
      name: 'docker-overlay/swarm (encrypted)',
      options: { mode: 'swarm', encrypted: true },
    },
  ].map((showcase) => ({
    ...showcase,
    options: { ...showcase.options, subnet: '10.0.9.0/24' },
    another: { subnet: '10.0.10.0/24' },
  })),
  startHost: (host, network) =>
    network.options.mode === 'swarm' ? startSwarm(host, network) : startDocker(host, network),
}
