/** The driver for Docker's libnetwork (projectcalico/libnetwork-plugin). */
import type { Process } from '../../../sim/process.ts'
import { formatIpv4, formatPrefix, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { ContainerSpec } from '../../contract.ts'
import { DatastoreError } from '../datastore/client.ts'
import { keyOf, type Metadata, resource } from '../datastore/model.ts'
import { wepName } from '../datastore/wep-name.ts'
import { IpamError } from '../ipam/ipam-error.ts'
import { pluginError } from './kubernetes.ts'
import type { PluginRun } from './plugin-run.ts'
import { addAddress, addHostRoute, addVeth, HOST_MAC, removeVeth } from './sandbox.ts'
import { type CalicoNetwork, PluginError, type Workload } from './workload.ts'

const ORCHESTRATOR = 'libnetwork'

/** RequestAddress, CreateEndpoint, Join. @param id of Docker's endpoint. */
export function* addDockerEndpoint(
  run: PluginRun,
  network: CalicoNetwork,
  container: ContainerSpec,
  id: string,
): Process<Workload | PluginError> {
  const address = yield* requestAddress(run, network, container)
  if (address instanceof PluginError) return address
  const device = `cali${id.slice(0, 11)}`
  const attached = { network, container, id, device, address }
  const created = yield* createEndpoint(run, attached)
  if (created instanceof PluginError) {
    yield* run.ipam.releaseIp(address)
    return created
  }
  addVeth(run.host.commands, container, {
    name: device,
    mtu: run.mtu,
    hostMac: null,
    // The driver of that time gave it to the end in the container.
    containerMac: container.mac ?? HOST_MAC,
  })
  addAddress(container, address, network.options.subnet)
  addHostRoute(run.host.commands, address, device)
  const joined = endpointOf(run, attached, true)
  yield* run.datastore.apply('WorkloadEndpoint', keyOf(joined), joined)
  return { ...attached, handle: null, endpointKey: keyOf(joined) }
}

interface Attached {
  readonly network: CalicoNetwork
  readonly container: ContainerSpec
  readonly id: string
  readonly device: string
  readonly address: Ipv4Address
}

/** Without a handle: only by its address can it be given back. */
function* requestAddress(
  run: PluginRun,
  { options }: CalicoNetwork,
  { address: wanted }: ContainerSpec,
): Process<Ipv4Address | PluginError> {
  const assignment = { handle: null, attributes: {} }
  const pool = formatPrefix(options.subnet)
  const result =
    wanted === null
      ? yield* run.ipam.autoAssign({ ...assignment, pool })
      : yield* run.ipam.assignIp(wanted, assignment)
  if (result instanceof IpamError) return pluginError(result)
  return result ?? wanted!
}

/** The profile of the network, if it is the first endpoint of all, and the endpoint. */
function* createEndpoint(run: PluginRun, attached: Attached): Process<PluginError | null> {
  const { name } = attached.network
  const { datastore } = run
  const known = yield* datastore.get('Profile', name)
  if (known instanceof DatastoreError) {
    if (known.kind !== 'not-found') return new PluginError(known.text, true)
    const made = yield* datastore.create('Profile', name, profileOf(name))
    if (made instanceof DatastoreError && made.kind !== 'exists') {
      return new PluginError(made.text, true)
    }
  }
  const endpoint = endpointOf(run, attached, false)
  const error = yield* datastore.apply('WorkloadEndpoint', keyOf(endpoint), endpoint)
  return error === null ? null : new PluginError(error.text, true)
}

/** Who has the network's tag may come in, and all may go out. */
function profileOf(network: string) {
  const isMember = `has(${network})`
  return resource(
    'Profile',
    { name: network },
    {
      ingress: [{ action: 'Allow', source: { selector: isMember } }],
      egress: [{ action: 'Allow' }],
      labelsToApply: { [network]: '' },
    },
  )
}

function metadataOf({ node }: PluginRun, { network, container, id }: Attached): Metadata {
  const name = wepName(node, ORCHESTRATOR, ORCHESTRATOR, id)
  const { labels } = container
  const isLabelled = network.options.labelEndpoints && Object.keys(labels).length > 0
  return { name, namespace: ORCHESTRATOR, ...(isLabelled ? { labels } : {}) }
}

/** @param isJoined it has its devices, and so a MAC address. */
function endpointOf(run: PluginRun, attached: Attached, isJoined: boolean) {
  const { network, container, id, device, address } = attached
  const mac = isJoined ? formatMac(container.namespace.device(container.device)!.mac) : null
  return resource('WorkloadEndpoint', metadataOf(run, attached), {
    orchestrator: ORCHESTRATOR,
    workload: ORCHESTRATOR,
    node: run.node,
    endpoint: id,
    interfaceName: device,
    ...(mac === null ? {} : { mac }),
    ipNetworks: [`${formatIpv4(address)}/32`],
    profiles: [network.name],
  })
}

/** Leave, DeleteEndpoint, ReleaseAddress: what fails is logged, and its traces stay in the store. */
export function* deleteDockerEndpoint(
  run: PluginRun,
  { device, endpointKey, address }: Workload,
): Process<PluginError | null> {
  removeVeth(run.host.commands, device)
  const error = yield* run.datastore.delete('WorkloadEndpoint', endpointKey, null)
  if (error !== null && error.kind !== 'not-found') return new PluginError(error.text, true)
  const failure = yield* run.ipam.releaseIp(address)
  return failure === null ? null : new PluginError(failure.text, true)
}
