import { SECOND } from '../../sim/units.ts'
import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { SchemeContext, SchemeFinding } from '../contract.ts'
import { type CalicoOptions, datastoreOf, modesOf } from './options.ts'
import { portRange } from './policy/rule-schema.ts'
import type { PolicyEntry } from './policy/schema.ts'

/** Faults that lie in the options together with the scenario. */
export function checkOptions(
  options: CalicoOptions,
  context: SchemeContext,
): readonly SchemeFinding[] {
  return [
    ...checkStore(options, context),
    ...checkPool(options),
    ...checkHosts(options, context),
    ...(datastoreOf(options) === 'etcd-v2' ? checkEtcdV2(options) : []),
  ]
}

function checkStore(options: CalicoOptions, { store }: SchemeContext): SchemeFinding[] {
  const path = ['scheme']
  const remedy = 'add store: { kind: etcd }'
  if (store?.kind !== 'etcd') {
    return [{ path, message: 'calico keeps its resources in etcd', remedy }]
  }
  if (store.version !== '2.3' || datastoreOf(options) === 'etcd-v2') return []
  return [{ path, message: 'etcd 2.3 has no v3 keys', remedy: 'a later version of the store' }]
}

/** The API refuses such a pool (libcalico-go/lib/validator). */
function checkPool({ subnet, blockSize }: CalicoOptions): SchemeFinding[] {
  if (subnet.length <= blockSize) return []
  const message = `a pool of ${formatPrefix(subnet)} is smaller than a block of /${blockSize}`
  return [{ path: ['blockSize'], message, remedy: 'a longer blockSize, or a larger pool' }]
}

function checkHosts(
  { routeReflectors, nodeAsNumbers }: CalicoOptions,
  { hosts }: SchemeContext,
): SchemeFinding[] {
  const names = new Set(hosts.map(({ name }) => name))
  const check = (path: readonly (string | number)[], host: string) =>
    names.has(host) ? [] : [{ path, message: `there is no host ${host}`, remedy: 'a host' }]
  return [
    ...routeReflectors.flatMap((host, i) => check(['routeReflectors', i], host)),
    ...Object.keys(nodeAsNumbers).flatMap((host) => check(['nodeAsNumbers', host], host)),
  ]
}

const REMEDY = 'leave it out, or datastore: etcd-v3'
const BLOCK_SIZE = 26
const RESTART_TIME_SECONDS = 120

/** What Calico 2.6 had no word for. */
function checkEtcdV2(options: CalicoOptions): SchemeFinding[] {
  if (options.orchestrator === 'cni') {
    const message = 'pods in etcd v2, as until Calico 2.6, are not modelled'
    return [{ path: ['datastore'], message, remedy: 'etcd-v3, or orchestrator: libnetwork' }]
  }
  const faults: [path: (string | number)[], isFault: boolean][] = [
    [['blockSize'], options.blockSize !== BLOCK_SIZE],
    [['encapsulation'], modesOf(options).vxlan !== 'Never'],
    [['disableBGPExport'], options.disableBGPExport],
    [['maxBlocksPerHost'], options.maxBlocksPerHost !== 0],
    [['routeReflectors'], options.routeReflectors.length > 0],
    [['restartTime'], options.restartTime !== RESTART_TIME_SECONDS * SECOND],
    [['containerPorts'], Object.keys(options.containerPorts).length > 0],
  ]
  options.bgpPeers.forEach((peer, i) => {
    const { nodeSelector, peerSelector, nextHopMode, keepalive, peerIP, asNumber } = peer
    const isNew = [nodeSelector, peerSelector, nextHopMode, keepalive].some(
      (one) => one !== undefined,
    )
    faults.push([['bgpPeers', i], isNew || peerIP === undefined || asNumber === undefined])
  })
  options.policies.forEach((entry, i) => {
    faults.push([['policies', i], !isOfEtcdV2(entry)])
  })
  const message = 'Calico 2.6, the last one on etcd v2, has no such thing'
  return faults.flatMap(([path, isFault]) => (isFault ? [{ path, message, remedy: REMEDY }] : []))
}

function isOfEtcdV2(entry: PolicyEntry): boolean {
  switch (entry.kind) {
    case 'GlobalNetworkPolicy': {
      const { tier = 'default', namespaceSelector, applyOnForward = false, ...spec } = entry.spec
      const isForHosts = spec.doNotTrack === true || spec.preDNAT === true
      if (tier !== 'default' || namespaceSelector !== undefined) return false
      return (isForHosts || !applyOnForward) && hasOldRules(spec)
    }
    case 'Profile':
      return hasOldRules(entry.spec)
    case 'HostEndpoint':
      return entry.spec.ports === undefined && entry.spec.interfaceName !== '*'
    default:
      return false
  }
}

type Rules = Extract<PolicyEntry, { kind: 'Profile' }>['spec']

/** Without names of ports, and without namespaces. */
function hasOldRules({ ingress = [], egress = [] }: Rules): boolean {
  return [...ingress, ...egress].every(({ source, destination }) =>
    [source, destination].every((side) => {
      const ports = [...(side?.ports ?? []), ...(side?.notPorts ?? [])]
      return (
        side?.namespaceSelector === undefined && ports.every((port) => portRange(port) !== null)
      )
    }),
  )
}
