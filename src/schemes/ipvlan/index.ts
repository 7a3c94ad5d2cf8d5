import { z } from 'zod'
import { linkAdd } from '../../host/device-factory.ts'
import type { Host } from '../../host/host.ts'
import type { HostDevice } from '../../host/host-device.ts'
import type { LinkError } from '../../host/link-error.ts'
import type { NetDevice } from '../../stack/device.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { ChildDriver } from '../child-driver.ts'
import { AttachError, type ContainerSpec, type NetworkSpec, type Scheme } from '../contract.ts'
import { engineOf } from '../local-engine.ts'
import { AddressPlan, checkAddresses } from '../parent-address-plan.ts'
import { parentNetworkFields } from '../parent-network-options.ts'

const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }

const ipvlanOptions = z.strictObject({
  ...parentNetworkFields,
  mode: z
    .enum(['l2', 'l3', 'l3s'])
    .default('l2')
    .describe(
      '`-o ipvlan_mode`. `l2`: containers ask for neighbours by ARP; `l3`: the host routes for them, ' +
        'without broadcasts, and who is to answer them needs a route; `l3s`: as l3, and what comes in ' +
        "passes the host's PREROUTING and INPUT instead of the container's own.",
    ),
  flag: z
    .enum(['bridge', 'private', 'vepa'])
    .default('bridge')
    .describe('`-o ipvlan_flag`: how children of one host see each other.'),
  hostRoutes: z
    .boolean()
    .default(false)
    .describe(
      'The user adds, on each host, a route to the range of every other by way of its address.',
    ),
  hostInput: z
    .enum(['open', 'answers'])
    .default('open')
    .describe(
      '`answers`: the user adds to INPUT of each host that of what comes for its containers only what ' +
        'belongs to a connection of theirs is let through. Only l3s has it asked.',
    ),
})

type IpvlanOptions = z.output<typeof ipvlanOptions>

/** The engine's ipvlan driver, as far as one network goes. */
class IpvlanDriver implements ChildDriver {
  readonly type = 'ipvlan'
  readonly isExclusive = false
  private readonly host: Host
  private readonly spec: NetworkSpec<IpvlanOptions>

  constructor(host: Host, spec: NetworkSpec<IpvlanOptions>) {
    this.host = host
    this.spec = spec
  }

  makeChild(
    { namespace, device, mac }: ContainerSpec,
    lower: NetDevice,
    _address: Ipv4Address,
  ): HostDevice | LinkError | AttachError {
    if (mac !== null) {
      return new AttachError('ipvlan interfaces do not support custom mac address assignment')
    }
    const { mode, flag } = this.spec.options
    return linkAdd(namespace, { name: device, type: 'ipvlan', lower, mode, flag })
  }

  setDefaultRoute(
    { namespace }: ContainerSpec,
    device: NetDevice,
    gateway: Ipv4Address | null,
  ): void {
    const { routes } = namespace
    if (this.spec.options.mode !== 'l2') {
      routes.replace({ destination: DEFAULT_ROUTE, device, scope: 'link' })
    } else if (gateway !== null) {
      routes.replace({ destination: DEFAULT_ROUTE, via: gateway, device })
    }
  }

  parentMade(): void {
    const { iptables, route } = this.host.commands
    for (const { dst, via } of this.routesToOthers()) route.replace({ dst, via })
    for (const rule of this.inputRules()) {
      if (!iptables.run(`-C INPUT ${rule}`)) iptables.run(`-A INPUT ${rule}`)
    }
  }

  parentGoes(): void {
    const { iptables, route } = this.host.commands
    for (const { dst } of this.routesToOthers()) route.delete(dst)
    for (const rule of this.inputRules()) iptables.run(`-D INPUT ${rule}`)
  }

  private inputRules(): readonly string[] {
    const { options, members } = this.spec
    if (options.hostInput === 'open') return []
    const range = formatPrefix(new AddressPlan(options, members, this.host.name).range)
    const answers = '-m conntrack --ctstate RELATED,ESTABLISHED'
    return [`-d ${range} ${answers} -j ACCEPT`, `-d ${range} -j DROP`]
  }

  private routesToOthers(): readonly { readonly dst: Ipv4Prefix; readonly via: Ipv4Address }[] {
    const { options, members } = this.spec
    if (!options.hostRoutes) return []
    return members
      .filter(({ host }) => host !== this.host.name)
      .map(({ host, address }) => ({
        dst: new AddressPlan(options, members, host).range,
        via: address,
      }))
  }
}

export const ipvlanScheme: Scheme<IpvlanOptions> = {
  name: 'ipvlan',
  summary:
    'Containers with IP addresses of their own behind the MAC address of their host; no store.',
  options: ipvlanOptions,
  sharesFabricSubnet: true,
  removal: 'docker network rm',
  variant: ({ mode }) => `ipvlan/${mode}`,
  showcase: [
    { options: {}, another: { subnet: '10.21.0.0/16' } },
    { options: { mode: 'l3', hostRoutes: true }, another: { subnet: '10.21.0.0/16' } },
  ],
  check: (options, context) => {
    const findings = checkAddresses(options, context)
    if (!options.hostRoutes || options.ranges !== 'shared') return findings
    const message = 'no host has a range of its own to which there could be a route'
    return [...findings, { path: ['hostRoutes'], message, remedy: 'ranges: per-host' }]
  },
  startHost: (host, network) => {
    const plan = new AddressPlan(network.options, network.members, host.name)
    return engineOf(host).add(network, new IpvlanDriver(host, network), plan)
  },
}
