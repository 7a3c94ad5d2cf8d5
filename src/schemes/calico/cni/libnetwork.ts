/** The driver for Docker's libnetwork (projectcalico/libnetwork-plugin). */
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import { formatIpv4, formatPrefix, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { ContainerSpec } from '../../contract.ts'
import { DatastoreError } from '../datastore/client.ts'
import { keyOf, resource } from '../datastore/model.ts'
import { wepName } from '../datastore/wep-name.ts'
import { IpamError } from '../ipam/ipam-error.ts'
import { pluginError } from './kubernetes.ts'
import type { PluginRun } from './plugin-run.ts'
import { addAddress, addHostRoute, addVeth, HOST_MAC, removeVeth } from './sandbox.ts'
import { type CalicoNetwork, PluginError, type Workload } from './workload.ts'

const ORCHESTRATOR = 'libnetwork'

/** Between questions for a container's labels. */
const LABEL_RETRY = 100 * MILLISECOND

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
    // Not to the end at the host, as Calico's CNI plugin does.
    containerMac: container.mac ?? HOST_MAC,
  })
  addAddress(container, address, network.options.subnet)
  addHostRoute(run.host.commands, address, device)
  const endpointKey = `${ORCHESTRATOR}/${wepName(run.node, ORCHESTRATOR, ORCHESTRATOR, id)}`
  return { ...attached, handle: null, endpointKey }
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

/** The profile of the network, if no endpoint before has made it, and the endpoint. */
function* createEndpoint(run: PluginRun, attached: Attached): Process<PluginError | null> {
  const { name } = attached.network
  const made = yield* run.datastore.create('Profile', name, profileOf(name))
  if (made instanceof DatastoreError && made.kind !== 'exists') {
    return new PluginError(made.text, true)
  }
  const endpoint = endpointOf(run, attached, {})
  const created = yield* run.datastore.create('WorkloadEndpoint', keyOf(endpoint), endpoint)
  return created instanceof DatastoreError ? new PluginError(created.text, true) : null
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

function endpointOf(
  run: PluginRun,
  { network, container, id, device, address }: Attached,
  labels: Readonly<Record<string, string>>,
) {
  const name = wepName(run.node, ORCHESTRATOR, ORCHESTRATOR, id)
  const isLabelled = Object.keys(labels).length > 0
  const metadata = { name, namespace: ORCHESTRATOR, ...(isLabelled ? { labels } : {}) }
  return resource('WorkloadEndpoint', metadata, {
    orchestrator: ORCHESTRATOR,
    workload: ORCHESTRATOR,
    node: run.node,
    endpoint: id,
    interfaceName: device,
    mac: formatMac(container.mac ?? HOST_MAC),
    ipNetworks: [`${formatIpv4(address)}/32`],
    profiles: [network.name],
  })
}

/**
 * Docker tells of a container's labels only when it has been started: the driver asks again until it does, and
 * writes the endpoint anew.
 */
export function* labelDockerEndpoint(run: PluginRun, workload: Workload): Process {
  yield* sleep(LABEL_RETRY)
  const endpoint = endpointOf(run, workload, workload.container.labels)
  const known = yield* run.datastore.get('WorkloadEndpoint', workload.endpointKey)
  if (known instanceof DatastoreError) return
  yield* run.datastore.update('WorkloadEndpoint', known.key, endpoint, known.revision)
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
