/** The CNI plugin for pods of Kubernetes (cni-plugin/pkg/k8s and pkg/dataplane/linux). */
import { rfc3339 } from '../../../control/program/wall-clock.ts'
import type { Process } from '../../../sim/process.ts'
import { formatIpv4, formatPrefix, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import { sha1 } from '../../../wire/sha1.ts'
import type { ContainerSpec } from '../../contract.ts'
import { DatastoreError } from '../datastore/client.ts'
import { keyOf, type Resource, resource } from '../datastore/model.ts'
import { wepName } from '../datastore/wep-name.ts'
import { IpamError } from '../ipam/ipam-error.ts'
import type { PluginRun } from './plugin-run.ts'
import { addAddress, addHostRoute, addVeth, HOST_MAC, removeVeth } from './sandbox.ts'
import { type CalicoNetwork, PluginError, type Workload } from './workload.ts'

/** The network's name in the CNI configuration that Calico's manifest installs. */
const CNI_NETWORK = 'k8s-pod-network'
const SERVICE_ACCOUNT = 'default'

/** The host's end: cali and the beginning of a hash of namespace and pod. */
export function vethName(namespace: string, pod: string): string {
  return `cali${sha1(`${namespace}.${pod}`).slice(0, 11)}`
}

/** @param id of the sandbox. */
export function* addPod(
  run: PluginRun,
  network: CalicoNetwork,
  container: ContainerSpec,
  id: string,
): Process<Workload | PluginError> {
  const { namespace } = network.options
  const device = vethName(namespace, container.name)
  if (run.host.root.device(device) !== undefined) {
    const text = `container veth name provided (${container.device}) already exists`
    return new PluginError(`${text}: a pod has one network of Calico`, true)
  }
  const ready = yield* run.datastore.get('ClusterInformation', 'default')
  if (ready instanceof DatastoreError) return new PluginError(ready.text, false)
  const handle = `${CNI_NETWORK}.${id}`
  const address = yield* requestAddress(run, network, container, handle)
  if (address instanceof PluginError) return address
  addVeth(run.host.commands, container, {
    name: device,
    mtu: run.mtu,
    hostMac: HOST_MAC,
    containerMac: container.mac,
  })
  addAddress(container, address, network.options.subnet)
  addHostRoute(run.host.commands, address, device)
  const endpoint = endpointOf(run, { network, container, id, device, address })
  const endpointKey = keyOf(endpoint)
  const error = yield* run.datastore.apply('WorkloadEndpoint', endpointKey, endpoint)
  if (error === null) return { container, network, id, handle, endpointKey, device, address }
  removeVeth(run.host.commands, device)
  yield* run.ipam.releaseByHandle(handle)
  return new PluginError(error.text, false)
}

function* requestAddress(
  run: PluginRun,
  { options }: CalicoNetwork,
  { name, address: wanted }: ContainerSpec,
  handle: string,
): Process<Ipv4Address | PluginError> {
  const timestamp = rfc3339(run.program.wallClock)
  const attributes = { namespace: options.namespace, node: run.node, pod: name, timestamp }
  const result =
    wanted === null
      ? yield* run.lock.hold(
          run.program,
          run.ipam.autoAssign({ handle, attributes, pool: formatPrefix(options.subnet) }),
        )
      : yield* run.ipam.assignIp(wanted, { handle, attributes })
  if (result instanceof IpamError) return pluginError(result)
  return result ?? wanted!
}

/** What the store refuses for the moment is tried again by kubelet; what is full stays full. */
export function pluginError({ text, isStoreFailure }: IpamError): PluginError {
  return new PluginError(`failed to request IPv4 addresses: ${text}`, !isStoreFailure)
}

interface Attached {
  readonly network: CalicoNetwork
  readonly container: ContainerSpec
  readonly id: string
  readonly device: string
  readonly address: Ipv4Address
}

function endpointOf({ node }: PluginRun, attached: Attached): Resource<'WorkloadEndpoint'> {
  const { network, container, id, device, address } = attached
  const { namespace, containerPorts } = network.options
  const { name: pod, labels } = container
  const ports = containerPorts[pod] ?? []
  const metadata = {
    name: wepName(node, 'k8s', pod, container.device),
    namespace,
    labels: {
      ...labels,
      'projectcalico.org/namespace': namespace,
      'projectcalico.org/orchestrator': 'k8s',
      'projectcalico.org/serviceaccount': SERVICE_ACCOUNT,
    },
  }
  return resource('WorkloadEndpoint', metadata, {
    orchestrator: 'k8s',
    pod,
    containerID: id,
    node,
    endpoint: container.device,
    interfaceName: device,
    mac: formatMac(container.namespace.device(container.device)!.mac),
    ipNetworks: [`${formatIpv4(address)}/32`],
    profiles: [`kns.${namespace}`, `ksa.${namespace}.${SERVICE_ACCOUNT}`],
    ...(ports.length === 0 ? {} : { ports }),
  })
}

/** DEL: the endpoint first, if it is still this sandbox's, then the devices, then the address. */
export function* deletePod(run: PluginRun, workload: Workload): Process<PluginError | null> {
  const { datastore } = run
  const { endpointKey, device, handle, id } = workload
  const known = yield* datastore.get('WorkloadEndpoint', endpointKey)
  if (!(known instanceof DatastoreError)) {
    if (known.value.spec.containerID === id) {
      yield* datastore.delete('WorkloadEndpoint', endpointKey, known.revision)
    }
  } else if (known.kind !== 'not-found') return new PluginError(known.text, false)
  removeVeth(run.host.commands, device)
  const error = yield* run.lock.hold(run.program, run.ipam.releaseByHandle(handle!))
  return error === null ? null : new PluginError(error.text, false)
}
