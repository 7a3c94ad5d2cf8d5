import { linkAdd } from '../../host/device-factory.ts'
import type { Host } from '../../host/host.ts'
import type { HostDevice } from '../../host/host-device.ts'
import { LinkError } from '../../host/link-error.ts'
import type { RandomStream } from '../../sim/random.ts'
import type { NetDevice } from '../../stack/device.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { type MacAddress, macOf } from '../../wire/mac-address.ts'
import { macOfAddress } from '../address-mac.ts'
import type { ChildDriver } from '../child-driver.ts'
import type { ContainerSpec, NetworkSpec, Scheme, SchemeFinding } from '../contract.ts'
import { engineOf } from '../local-engine.ts'
import { AddressPlan, checkAddresses } from '../parent-address-plan.ts'
import { type MacvlanOptions, macvlanOptions } from './options.ts'

const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }

/** The engine's macvlan driver, as far as one network goes. */
class MacvlanDriver implements ChildDriver {
  readonly type = 'macvlan'
  readonly isExclusive: boolean
  private readonly host: Host
  private readonly options: MacvlanOptions
  private readonly random: RandomStream
  private readonly range: Ipv4Prefix
  private readonly shim: string

  constructor(
    host: Host,
    { name, options, random }: NetworkSpec<MacvlanOptions>,
    range: Ipv4Prefix,
  ) {
    this.host = host
    this.options = options
    this.random = random
    this.range = range
    this.shim = `mv-${name}`.slice(0, 15)
    this.isExclusive = options.mode === 'passthru'
  }

  makeChild(
    { namespace, device, mac }: ContainerSpec,
    lower: NetDevice,
    address: Ipv4Address,
  ): HostDevice | LinkError {
    const own = mac ?? this.macFor(address)
    const { mode } = this.options
    const child = linkAdd(namespace, { name: device, type: 'macvlan', lower, mode, mac: own })
    // In mode passthru the child is born with the parent's address, and gives the parent its own.
    if (!(child instanceof LinkError) && child.mac !== own) child.setMac(own)
    return child
  }

  private macFor(address: Ipv4Address): MacAddress {
    const { macs, version } = this.options
    if ((macs ?? (version === '28.0' ? 'random' : 'address')) === 'address') {
      return macOfAddress(address)
    }
    const bits = this.random.int32()
    return macOf(0x020000 | ((bits >>> 8) & 0xffff), this.random.int32() & 0xffffff)
  }

  setDefaultRoute(
    { namespace }: ContainerSpec,
    device: NetDevice,
    gateway: Ipv4Address | null,
  ): void {
    if (gateway === null) return
    namespace.routes.replace({ destination: DEFAULT_ROUTE, via: gateway, device })
  }

  /** The commands that every guide to macvlan ends with. */
  parentMade(lower: NetDevice): void {
    const { host, shim, range } = this
    const address = this.options.shims[host.name]
    if (address === undefined || host.root.device(shim) !== undefined) return
    host.commands.link.add({ name: shim, type: 'macvlan', lower, mode: 'bridge' })
    host.commands.addr.add({ address, length: 32 }, shim)
    host.commands.link.up(shim)
    host.commands.route.replace({ dst: range, dev: shim })
  }

  parentGoes(): void {
    if (this.host.root.device(this.shim) !== undefined) this.host.commands.link.delete(this.shim)
  }
}

/** What can only be a mistake in the file. */
function checkShims({ shims, mode }: MacvlanOptions, hosts: readonly string[]): SchemeFinding[] {
  const [first] = Object.keys(shims)
  if (first !== undefined && mode !== 'bridge') {
    const message = `in mode ${mode} no child of the host reaches its siblings`
    return [{ path: ['shims'], message, remedy: 'mode: bridge, or no shims' }]
  }
  const stranger = Object.keys(shims).find((name) => !hosts.includes(name))
  if (stranger === undefined) return []
  const message = `there is no host "${stranger}"`
  return [{ path: ['shims', stranger], message, remedy: `one of ${hosts.join(', ')}` }]
}

export const macvlanScheme: Scheme<MacvlanOptions> = {
  name: 'macvlan',
  summary: 'Containers with MAC addresses of their own on the physical network; no store.',
  options: macvlanOptions,
  sharesFabricSubnet: true,
  removal: 'docker network rm',
  variant: ({ mode }) => (mode === 'bridge' ? 'macvlan' : `macvlan/${mode}`),
  showcase: [
    { options: {}, another: { subnet: '10.21.0.0/16' } },
    { options: { mode: 'private' }, another: { subnet: '10.21.0.0/16' } },
    {
      name: 'macvlan (VLANs)',
      options: { parent: 'eth0.10', gateway: '10.20.255.254' },
      another: { parent: 'eth0.20', subnet: '10.21.0.0/16', gateway: '10.21.255.254' },
      fabric: {
        gateway: true,
        vlans: [
          { id: 10, gateway: '10.20.255.254/16' },
          { id: 20, gateway: '10.21.255.254/16' },
        ],
      },
    },
  ],
  check: (options, context) => [
    ...checkShims(
      options,
      context.hosts.map(({ name }) => name),
    ),
    ...checkAddresses(options, context, Object.values(options.shims)),
  ],
  startHost: (host, network) => {
    const { options, members } = network
    const plan = new AddressPlan(options, members, host.name, Object.values(options.shims))
    const driver = new MacvlanDriver(host, network, plan.range)
    return engineOf(host).add(network, driver, plan)
  },
}
