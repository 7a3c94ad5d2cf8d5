/** The lab's hosts with our calico-node and CNI plugin in the place of the lab's script. */
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { vethName } from '../../src/schemes/calico/cni/kubernetes.ts'
import { HOST_MAC } from '../../src/schemes/calico/cni/sandbox.ts'
import { calicoScheme } from '../../src/schemes/calico/index.ts'
import type { CalicoOptions } from '../../src/schemes/calico/options.ts'
import {
  AttachError,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../../src/schemes/contract.ts'
import { spawn } from '../../src/sim/process.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { ETCD_3_4 } from '../control/etcd-settings.ts'
import type { Lab } from './lab.ts'
import type { Setup } from './schemes.ts'

const SECOND = 1e12
/** Until both hosts have each other's routes. */
const CONVERGENCE = 15 * SECOND
/** Of the etcd and the hosts' ends, so that nothing of the control plane is on the wire later. */
const REST = SECOND

/** Seconds that all of that takes, before any probe. */
export const CALICO_LEAD = 40

/** Whom the isolation probe asks in vain. */
const DENIED = {
  apiVersion: 'projectcalico.org/v3',
  kind: 'GlobalNetworkPolicy',
  metadata: { name: 'deny-all' },
  spec: { selector: "tenant == 'other'", types: ['Ingress'] },
}

/** Containers c and x of two hosts, attached by the scheme; the control plane then ends. */
export function calicoByScheme(lab: Lab, encapsulation: 'none' | 'vxlan'): Setup {
  const hosts = lab.underlayOfHosts(2)
  const store = new EtcdCluster([{ name: 'store-1', host: hosts[0]! }], ETCD_3_4)
  const input = { encapsulation, subnet: '10.65.0.0/25', policies: [DENIED] }
  const network: NetworkSpec<CalicoOptions> = {
    name: 'pods',
    options: calicoScheme.options.parse(input),
    members: hosts.map(({ name, address }) => ({ host: name, address })),
    store,
    random: lab.simulator.random.stream('network/pods'),
  }
  store.start()
  const daemons = hosts.map((host) => calicoScheme.startHost(host, network))
  for (const [i, kind] of ['c', 'x'].entries()) {
    for (const [h, daemon] of daemons.entries()) {
      attach(lab, daemon, `${kind}${h + 1}`, `10.65.0.${64 * h + 2 + i}`)
    }
  }
  lab.run(CONVERGENCE)
  for (const daemon of daemons) daemon.crash()
  for (const member of store.members) member.crash()
  lab.run(REST)
  // What they learned of each other's daemons.
  for (const { root } of hosts) root.neighbours.flush(() => true)
  lab.configuredMacs.push(formatMac(HOST_MAC))
  return {
    source: 'c1',
    destination: 'c2',
    destinationAddress: '10.65.0.66',
    mtu: encapsulation === 'vxlan' ? 1450 : 1500,
    missing: '10.65.0.50',
    other: '10.65.0.67',
    points: {
      underlay: ['h1', 'eth0'],
      ctr: ['c1', 'eth0'],
      br: ['h1', vethName('default', 'c1')],
    },
  }
}

function attach(lab: Lab, daemon: Daemon, name: string, address: string): void {
  const { namespace } = lab.addNode(name)
  const labels = name.startsWith('x') ? { tenant: 'other' } : {}
  const spec = { name, network: 'pods', namespace, device: 'eth0', defaultRoute: true, labels }
  const { done } = spawn(
    lab.simulator,
    daemon.attach({ ...spec, address: ipv4(address), mac: null }),
  )
  let result: Endpoint | AttachError | null = null
  done.wait(lab.simulator, (value) => {
    result = value as Endpoint | AttachError
  })
  while (result === null) lab.run(SECOND / 10)
  if ((result as unknown) instanceof AttachError) throw new Error('the plugin has failed')
}
