/** What flanneld writes into the record of its node, and reads in those of the others (pkg/subnet/kube). */
import type { NodeRecord } from '../../../control/kube/node.ts'
import { formatIpv4, parseIpv4, parsePrefix } from '../../../wire/ipv4-address.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import { backendData, type LeaseAttributes, parseObject, vtepMacOf } from '../lease-record.ts'
import { type KnownLease, ManagerError } from '../subnet-manager.ts'

/** `--kube-annotation-prefix`. */
const PREFIX = 'flannel.alpha.coreos.com'
const MANAGED = `${PREFIX}/kube-subnet-manager`
const DATA = `${PREFIX}/backend-data`
const TYPE = `${PREFIX}/backend-type`
const PUBLIC_IP = `${PREFIX}/public-ip`

export type Annotations = Readonly<Record<string, string>>

export function annotationsOf(attributes: LeaseAttributes, vni: number): Annotations {
  const { publicIp, backendType, vtepMac } = attributes
  const data = vtepMac === null ? null : backendData(vtepMac, vni, '0.28')
  return {
    [TYPE]: backendType,
    [DATA]: JSON.stringify(data),
    [PUBLIC_IP]: formatIpv4(publicIp),
    [MANAGED]: 'true',
  }
}

/** Those that are not there yet. */
export function missingAnnotations(node: NodeRecord, wanted: Annotations): Annotations {
  const present = node.metadata.annotations ?? {}
  return Object.fromEntries(Object.entries(wanted).filter(([key, text]) => present[key] !== text))
}

/** Of the node's VXLAN device. */
export function storedMacOf({ metadata }: NodeRecord): MacAddress | null {
  return vtepMacOf(parseObject(metadata.annotations?.[DATA] ?? ''))
}

/** Whether a flanneld takes care of the node. */
export function isManaged({ metadata }: NodeRecord): boolean {
  return metadata.annotations?.[MANAGED] === 'true'
}

/** Whether anything has changed that others go by. */
export function isChanged(before: NodeRecord, after: NodeRecord): boolean {
  const old = before.metadata.annotations ?? {}
  const now = after.metadata.annotations ?? {}
  return [DATA, TYPE, PUBLIC_IP].some((key) => old[key] !== now[key])
}

/** @returns the node's subnet with what its flanneld says of it. */
export function leaseOfNode(node: NodeRecord): KnownLease | ManagerError {
  const { metadata, spec } = node
  const annotations = metadata.annotations ?? {}
  const publicIp = parseIpv4(annotations[PUBLIC_IP] ?? '')
  const subnet = parsePrefix(spec.podCIDR ?? '')
  if (publicIp === null || subnet === null) {
    return new ManagerError(`Error turning node "${metadata.name}" to lease`)
  }
  const backendType = annotations[TYPE] ?? ''
  const vtepMac = storedMacOf(node)
  return { subnet, attributes: { publicIp, backendType, vtepMac } }
}
