import { NodeIpam } from '../../../control/kube/node-ipam.ts'
import { registerNode } from '../../../control/kube/register-node.ts'
import { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import type { NetworkSpec } from '../../contract.ts'
import { type FlannelOptions, subnetLengthOf } from '../options.ts'

/** What of Kubernetes runs beside flanneld: kubelet on each host, and once the controller manager. */
export function startKubernetes(host: Host, network: NetworkSpec<FlannelOptions>): void {
  const { store, options, members, name } = network
  const [server] = store!.addressesFor(host)
  const kubelet = new Program(host.root, `kubelet-${name}`)
  kubelet.spawn(registerNode(kubelet, server!, host.name, host.address))
  if (members[0]?.host !== host.name) return
  const { root } = store!.members[0]!.host
  const manager = new Program(root, `kube-controller-manager-${name}`)
  const ipam = { clusterCidr: options.subnet, maskSize: subnetLengthOf(options) }
  new NodeIpam(manager, server!, ipam).start()
}
