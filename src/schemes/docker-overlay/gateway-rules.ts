import type { Host } from '../../host/host.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../wire/ipv4-address.ts'
import type { DockerOverlayOptions } from './options.ts'

export const GATEWAY_BRIDGE = 'docker_gwbridge'

export type Published = DockerOverlayOptions['publish'][number]

/** What a daemon has iptables do for docker_gwbridge, on which containers do not meet (icc off). */
export interface GatewayRules {
  /** Chains that the daemon makes when it starts. */
  readonly chains: string
  /** Those of FORWARD, which stay first there; the last comes to stand before the others. */
  readonly jumps: readonly string[]
  /** Of the bridge, each before those of the networks that are there. */
  bridge(subnet: Ipv4Prefix): readonly string[]
  /** Of a container on it, without the command: table, command's place, rule. */
  container(address: Ipv4Address, ports: readonly Published[]): readonly ContainerRule[]
}

interface ContainerRule {
  readonly table: 'raw' | 'nat' | 'filter'
  /** How it is added. */
  readonly add: '-A' | '-I'
  /** Chain and matches. */
  readonly rule: string
}

const NAT_CHAINS = `*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
COMMIT
`
const BRIDGE = GATEWAY_BRIDGE

function natOfBridge(subnet: Ipv4Prefix): readonly string[] {
  return [
    `-t nat -I POSTROUTING -s ${formatPrefix(subnet)} ! -o ${BRIDGE} -j MASQUERADE`,
    `-t nat -I DOCKER -i ${BRIDGE} -j RETURN`,
  ]
}

function portMatch({ protocol }: Published, number: number): string {
  return `-p ${protocol} -m ${protocol} --dport ${number}`
}

function dnat(address: string, published: Published): ContainerRule {
  const { port, hostPort } = published
  const match = portMatch(published, hostPort)
  const rule = `DOCKER ! -i ${BRIDGE} ${match} -j DNAT --to-destination ${address}:${port}`
  return { table: 'nat', add: '-A', rule }
}

function acceptance(address: string, published: Published): string {
  const match = portMatch(published, published.port)
  return `DOCKER -d ${address}/32 ! -i ${BRIDGE} -o ${BRIDGE} ${match} -j ACCEPT`
}

/** 17.06 to 27. */
const UNTIL_27: GatewayRules = {
  chains: `*filter
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
${NAT_CHAINS}`,
  jumps: ['DOCKER-ISOLATION-STAGE-1', 'DOCKER-USER'],
  bridge: (subnet) => [
    ...natOfBridge(subnet),
    `-A FORWARD -i ${BRIDGE} -o ${BRIDGE} -j DROP`,
    `-I FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`,
    `-I FORWARD -o ${BRIDGE} -j DOCKER`,
    `-I FORWARD -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-I DOCKER-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2`,
    `-I DOCKER-ISOLATION-STAGE-2 -o ${BRIDGE} -j DROP`,
  ],
  container: (address, ports) =>
    ports.flatMap((published): ContainerRule[] => {
      const target = formatIpv4(address)
      const own = `-s ${target}/32 -d ${target}/32 ${portMatch(published, published.port)}`
      return [
        dnat(target, published),
        { table: 'filter', add: '-A', rule: acceptance(target, published) },
        { table: 'nat', add: '-A', rule: `POSTROUTING ${own} -j MASQUERADE` },
      ]
    }),
}

/**
 * 28: what is forwarded goes through chains of the daemon's own (moby#49518), what is for a container's address and
 * comes from elsewhere is dropped before anything else, and what no port lets in is dropped in DOCKER.
 */
const FROM_28: GatewayRules = {
  chains: `*filter
:DOCKER -
:DOCKER-BRIDGE -
:DOCKER-CT -
:DOCKER-FORWARD -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-USER -j RETURN
COMMIT
${NAT_CHAINS}`,
  jumps: ['DOCKER-FORWARD', 'DOCKER-USER'],
  bridge: (subnet) => [
    ...natOfBridge(subnet),
    `-A DOCKER ! -i ${BRIDGE} -o ${BRIDGE} -j DROP`,
    `-A DOCKER-BRIDGE -o ${BRIDGE} -j DOCKER`,
    `-A DOCKER-CT -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `-A DOCKER-FORWARD -i ${BRIDGE} -o ${BRIDGE} -j DROP`,
    `-A DOCKER-FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`,
    `-A DOCKER-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2`,
    `-I DOCKER-ISOLATION-STAGE-2 -o ${BRIDGE} -j DROP`,
  ],
  container: (address, ports) => {
    const target = formatIpv4(address)
    const direct = `PREROUTING -d ${target}/32 ! -i ${BRIDGE} -j DROP`
    return [
      { table: 'raw', add: '-A', rule: direct },
      ...ports.flatMap((published): ContainerRule[] => [
        dnat(target, published),
        { table: 'filter', add: '-I', rule: acceptance(target, published) },
      ]),
    ]
  },
}

export function gatewayRules(version: DockerOverlayOptions['version']): GatewayRules {
  return version === '28.0' ? FROM_28 : UNTIL_27
}

/** The chains, unless they are there, and the bridge's rules in them. */
export function programBridge({ commands }: Host, rules: GatewayRules, subnet: Ipv4Prefix): void {
  const { iptables } = commands
  if (!iptables.save().includes(':DOCKER-USER ')) {
    iptables.restore(rules.chains, { noflush: true })
  }
  for (const rule of rules.bridge(subnet)) iptables.run(rule)
  for (const chain of rules.jumps) {
    iptables.run(`-D FORWARD -j ${chain}`)
    iptables.run(`-I FORWARD -j ${chain}`)
  }
}

/** Adds a container's rules, or takes them away. */
export function changeContainer(
  { commands }: Host,
  rules: readonly ContainerRule[],
  isAdded: boolean,
): void {
  for (const { table, add, rule } of rules) {
    commands.iptables.run(`-t ${table} ${isAdded ? add : '-D'} ${rule}`)
  }
}
