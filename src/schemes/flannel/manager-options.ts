import { formatDuration, SECOND } from '../../sim/units.ts'
import { contains, formatPrefix } from '../../wire/ipv4-address.ts'
import type { SchemeContext, SchemeFinding } from '../contract.ts'
import {
  type FlannelOptions,
  type FlannelVersion,
  isEtcd,
  LEASE_TTL_DEFAULT,
  RENEW_MARGIN_DEFAULT,
  subnetLengthOf,
} from './options.ts'

type Manager = Exclude<FlannelOptions['subnetManager'], 'static'>

const VERSIONS: Readonly<Record<Manager, readonly FlannelVersion[]>> = {
  'etcd-v2': ['0.11', '0.16'],
  'etcd-v3': ['0.27', '0.28'],
  kube: ['0.27', '0.28'],
}

/** Whether the store is there that the subnet manager asks, and what else goes with it. */
export function checkManager(
  options: FlannelOptions,
  context: SchemeContext,
): readonly SchemeFinding[] {
  const { subnetManager, version } = options
  if (subnetManager === 'static') return []
  const findings: SchemeFinding[] = [...checkStore(subnetManager, context)]
  const versions = VERSIONS[subnetManager]
  if (version !== undefined && !versions.includes(version)) {
    const message = `flannel ${version} has no subnet manager ${subnetManager}`
    findings.push({ path: ['version'], message, remedy: versions.join(' or ') })
  }
  if (options.leaseTtl < SECOND) {
    const message = 'etcd counts the time of a lease in whole seconds'
    findings.push({ path: ['leaseTtl'], message, remedy: 'a second or more' })
  } else if (isEtcd(options) && options.leaseRenewMargin >= options.leaseTtl) {
    const message = 'a lease would have to be renewed before it begins'
    const remedy = 'a time shorter than leaseTtl'
    findings.push({ path: ['leaseRenewMargin'], message, remedy })
  }
  return [...findings, ...checkHosts(options, context)]
}

function checkStore(manager: Manager, { store }: SchemeContext): readonly SchemeFinding[] {
  const path = ['subnetManager']
  const kind = manager === 'kube' ? 'kube' : 'etcd'
  if (store?.kind !== kind) {
    const message = `${manager} needs a store of kind ${kind}`
    return [{ path, message, remedy: `add store: { kind: ${kind} }` }]
  }
  if (manager !== 'etcd-v3' || store.version !== '2.3') return []
  const message = 'etcd 2.3 has no v3 keys'
  return [{ path, message, remedy: 'etcd-v2, or a later version of the store' }]
}

function checkHosts(options: FlannelOptions, { hosts }: SchemeContext): readonly SchemeFinding[] {
  const { publicIps, reservations, subnet } = options
  const names = new Set(hosts.map(({ name }) => name))
  const findings: SchemeFinding[] = []
  for (const [key, named] of Object.entries({ publicIps, reservations })) {
    for (const host of Object.keys(named)) {
      if (names.has(host)) continue
      findings.push({ path: [key, host], message: `there is no host ${host}`, remedy: 'a host' })
    }
  }
  const length = subnetLengthOf(options)
  for (const [host, reserved] of Object.entries(reservations)) {
    if (reserved.length === length && contains(subnet, reserved.base)) continue
    const message = `${formatPrefix(reserved)} is no /${length} of ${formatPrefix(subnet)}`
    findings.push({ path: ['reservations', host], message, remedy: `a /${length} of the pool` })
  }
  return findings
}

/** What a reader of the results must know of how subnets are handed out. */
export function noteOf({ subnetManager, leaseTtl, leaseRenewMargin }: FlannelOptions): string {
  switch (subnetManager) {
    case 'static':
      return 'subnets were handed to every host at its start; no store is involved'
    case 'kube':
      return 'the API server speaks plain HTTP with JSON, where real ones speak TLS'
    default: {
      const isShortened =
        leaseTtl !== LEASE_TTL_DEFAULT || leaseRenewMargin !== RENEW_MARGIN_DEFAULT
      const times = isShortened
        ? `leases live ${formatDuration(leaseTtl)} instead of 24 h and are renewed ` +
          `${formatDuration(leaseRenewMargin)} instead of 60 min before their end`
        : 'leases live 24 h and are renewed 60 min before their end'
      const gateway = 'etcd v3 is spoken as JSON over HTTP, not as gRPC'
      return subnetManager === 'etcd-v3' ? `${times}; ${gateway}` : times
    }
  }
}
