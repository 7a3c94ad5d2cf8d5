import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import type { NetworkSpec } from '../contract.ts'
import { type Datastore, DatastoreError } from './datastore/client.ts'
import { type Kind, keyOf, type Resource, resource, type Values } from './datastore/model.ts'
import { type CalicoOptions, hasFixedMtus, poolSpecOf } from './options.ts'
import { policyResources } from './policy/schema.ts'

/** A script that waits for the store, or for a node. */
const RETRY = SECOND

/** Of all reflectors of a cluster: they need not reflect to each other. */
const CLUSTER_ID = '244.0.0.1'
const REFLECTOR_LABEL = 'route-reflector'
const SERVICE_ACCOUNT = 'default'

/**
 * What an administrator applies with calicoctl before the nodes start, on the first host of the network; for
 * pods also the profiles of their namespace, which kube-controllers writes.
 */
export function applyResources(
  host: Host,
  network: NetworkSpec<CalicoOptions>,
  connect: (program: Program) => Datastore,
): void {
  const program = new Program(host.root, `calicoctl-${network.name}`)
  program.spawn(applyAll(program, connect(program), network))
}

function* applyAll(
  program: Program,
  datastore: Datastore,
  network: NetworkSpec<CalicoOptions>,
): Process {
  yield* persist(() => datastore.apply('IpamConfig', 'default', ipamConfigOf(network.options)))
  for (const each of resourcesOf(network)) {
    yield* persist(() => applyOne(datastore, each))
  }
  // With the pool, which comes last, the nodes begin.
  const pool = resource('IPPool', { name: network.name }, poolSpecOf(network.options))
  yield* persist(() => datastore.apply('IPPool', network.name, pool))
  for (const name of network.options.routeReflectors) {
    yield* persist(() => makeReflector(datastore, name))
  }
  program.kill()
}

function* persist(attempt: () => Process<DatastoreError | null>): Process {
  while ((yield* attempt()) !== null) yield* sleep(RETRY)
}

/** The kind of a resource says what its value is. */
function applyOne(datastore: Datastore, value: Resource): Process<DatastoreError | null> {
  return datastore.apply(value.kind as Kind, keyOf(value), value as Values[Kind])
}

/** `calicoctl patch node`, once the node is there. */
function* makeReflector(datastore: Datastore, name: string): Process<DatastoreError | null> {
  const node = yield* datastore.get('Node', name)
  if (node instanceof DatastoreError) return node
  const { metadata, spec } = node.value
  const labels = { ...metadata.labels, [REFLECTOR_LABEL]: 'true' }
  const bgp = { ...spec.bgp, routeReflectorClusterID: CLUSTER_ID }
  const value = resource('Node', { ...metadata, labels }, { ...spec, bgp })
  const done = yield* datastore.update('Node', name, value, node.revision)
  return done instanceof DatastoreError ? done : null
}

function ipamConfigOf({ strictAffinity, maxBlocksPerHost }: CalicoOptions): Values['IpamConfig'] {
  return {
    strict_affinity: strictAffinity,
    auto_allocate_blocks: true,
    maxBlocksPerHost,
  }
}

function resourcesOf({ options }: NetworkSpec<CalicoOptions>): Resource[] {
  return [
    resource('ClusterInformation', { name: 'default' }, { datastoreReady: true }),
    bgpConfigurationOf(options),
    felixConfigurationOf(options),
    ...bgpPeersOf(options),
    ...(options.orchestrator === 'cni' ? profilesOf(options.namespace) : []),
    ...policyResources(options.policies),
  ]
}

/** A duration as Go writes it. */
function goDuration(picoseconds: number): string {
  return `${picoseconds / SECOND}s`
}

function bgpConfigurationOf(options: CalicoOptions): Resource<'BGPConfiguration'> {
  const { asNumber, nodeToNodeMesh, routeReflectors, restartTime } = options
  return resource(
    'BGPConfiguration',
    { name: 'default' },
    {
      nodeToNodeMeshEnabled: nodeToNodeMesh ?? routeReflectors.length === 0,
      asNumber,
      nodeMeshMaxRestartTime: goDuration(restartTime),
    },
  )
}

/** Until 3.16 Felix's own defaults fitted the 1460 of Google's cloud, whatever the NIC's MTU. */
const FIXED_MTUS = { ipipMTU: 1440, vxlanMTU: 1410 }

function felixConfigurationOf(options: CalicoOptions): Resource<'FelixConfiguration'> {
  const { felix } = options
  return resource(
    'FelixConfiguration',
    { name: 'default' },
    {
      defaultEndpointToHostAction: felix.defaultEndpointToHostAction,
      routeRefreshInterval: goDuration(felix.routeRefreshInterval),
      ipsetsRefreshInterval: goDuration(felix.ipsetsRefreshInterval),
      iptablesRefreshInterval: goDuration(felix.iptablesRefreshInterval),
      reportingInterval: goDuration(felix.reportingInterval),
      reportingTTL: goDuration(felix.reportingTTL),
      ...(hasFixedMtus(options) ? FIXED_MTUS : {}),
    },
  )
}

function bgpPeersOf({ bgpPeers, routeReflectors }: CalicoOptions): Resource<'BGPPeer'>[] {
  const configured = bgpPeers.map(({ name, peerIP, keepalive, ...rest }) =>
    resource(
      'BGPPeer',
      { name },
      {
        ...rest,
        ...(peerIP === undefined ? {} : { peerIP: formatIpv4(peerIP) }),
        ...(keepalive === undefined ? {} : { keepaliveTime: goDuration(keepalive) }),
      },
    ),
  )
  if (routeReflectors.length === 0) return configured
  const spec = { nodeSelector: 'all()', peerSelector: `${REFLECTOR_LABEL} == 'true'` }
  return [resource('BGPPeer', { name: 'peer-with-route-reflectors' }, spec), ...configured]
}

/** Profiles of a namespace and its service account: without policies all is allowed. */
function profilesOf(namespace: string): Resource<'Profile'>[] {
  const allow = [{ action: 'Allow' }] as const
  return [
    resource(
      'Profile',
      { name: `kns.${namespace}` },
      {
        ingress: allow,
        egress: allow,
        labelsToApply: { 'pcns.projectcalico.org/name': namespace },
      },
    ),
    resource(
      'Profile',
      { name: `ksa.${namespace}.${SERVICE_ACCOUNT}` },
      { labelsToApply: { 'pcsa.projectcalico.org/name': SERVICE_ACCOUNT } },
    ),
  ]
}
