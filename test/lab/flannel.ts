/** The lab's hosts with our flanneld in the place of the lab's script. */
import {
  AttachError,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../../src/schemes/contract.ts'
import { flannelScheme } from '../../src/schemes/flannel/index.ts'
import type { FlannelOptions } from '../../src/schemes/flannel/options.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import type { Lab } from './lab.ts'
import type { Setup } from './schemes.ts'

/** Containers c and x of two hosts, attached by the scheme. */
export function flannelByScheme(lab: Lab, backend: 'vxlan' | 'host-gw'): Setup {
  const hosts = lab.underlayOfHosts(2)
  const network: NetworkSpec<FlannelOptions> = {
    name: 'pods',
    options: flannelScheme.options.parse({ backend }),
    members: hosts.map(({ name, address }) => ({ host: name, address })),
    store: null,
    random: lab.simulator.random.stream('network/pods'),
  }
  for (const [i, host] of hosts.entries()) {
    const daemon = flannelScheme.startHost(host, network)
    for (const kind of ['c', 'x']) {
      const { mac } = attach(lab, daemon, `${kind}${i + 1}`)
      lab.configuredMacs.push(formatMac(mac))
    }
  }
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.244.1.2',
    mtu: backend === 'vxlan' ? 1450 : 1500,
    missing: '10.244.0.77',
    other: '10.244.1.3',
    points: { underlay: ['h1', 'eth0'], ctr: ['c1', 'eth0'], br: ['h1', 'cni0'] },
  }
}

function attach(lab: Lab, daemon: Daemon, name: string): Endpoint {
  const { namespace } = lab.addNode(name)
  const spec = { name, network: 'pods', namespace, device: 'eth0', defaultRoute: true, labels: {} }
  const { value, done } = daemon.attach({ ...spec, address: null, mac: null }).next()
  if (done !== true) throw new Error('the CNI plugin took its time')
  if (value instanceof AttachError) throw new Error(value.message)
  return value
}
