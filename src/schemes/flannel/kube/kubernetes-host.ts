import { KubeClient, KubeError } from '../../../control/kube/client.ts'
import { NodeIpam } from '../../../control/kube/node-ipam.ts'
import { registerNode } from '../../../control/kube/register-node.ts'
import { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetworkSpec } from '../../contract.ts'
import type { ControlPlane } from '../managed-daemon.ts'
import { type FlannelOptions, subnetLengthOf } from '../options.ts'
import { KubeManager } from './kube-manager.ts'

/** Of a script around kubectl. */
const RETRY = SECOND
const HTTP_NOT_FOUND = 404

/** What of Kubernetes runs beside flanneld: kubelet on each host, and once the controller manager. */
export class KubernetesHost implements ControlPlane {
  private readonly host: Host
  private readonly network: NetworkSpec<FlannelOptions>

  constructor(host: Host, network: NetworkSpec<FlannelOptions>) {
    this.host = host
    this.network = network
    if (network.members[0]?.host === host.name) this.startControllerManager()
  }

  private startControllerManager(): void {
    const { store, options, name } = this.network
    const { root } = store!.members[0]!.host
    const manager = new Program(root, `kube-controller-manager-${name}`)
    const ipam = { clusterCidr: options.subnet, maskSize: subnetLengthOf(options) }
    new NodeIpam(manager, this.server, ipam).start()
  }

  private get server() {
    const [server] = this.network.store!.addressesFor(this.host)
    return server!
  }

  makeManager(program: Program): KubeManager {
    const { options } = this.network
    return new KubeManager(program, { server: this.server, node: this.host.name, options })
  }

  /** kubelet makes the record of its node. */
  join(): void {
    const { host, server } = this
    const kubelet = new Program(host.root, `kubelet-${this.network.name}`)
    kubelet.spawn(registerNode(kubelet, server, host.name, host.address))
  }

  /** `kubectl delete node`. */
  *leave(): Process {
    const program = new Program(this.host.root, `kubectl-${this.network.name}`)
    yield program.spawn(this.deleteNode(program)).done
    program.kill()
  }

  private *deleteNode(program: Program): Process {
    const client = new KubeClient(program, this.server)
    for (;;) {
      const done = yield* client.delete(this.host.name)
      if (!(done instanceof KubeError) || done.code === HTTP_NOT_FOUND) return
      yield* sleep(RETRY)
    }
  }
}
