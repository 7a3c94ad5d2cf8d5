import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { Daemon, NetworkSpec } from '../contract.ts'
import { LocalManager } from './etcd/local-manager.ts'
import { deleteLease, writeConfig } from './etcd/operator.ts'
import type { Registry } from './etcd/registry.ts'
import { V2Registry } from './etcd/v2-registry.ts'
import { V3Registry } from './etcd/v3-registry.ts'
import { KubernetesHost } from './kube/kubernetes-host.ts'
import { type ControlPlane, ManagedFlanneld } from './managed-daemon.ts'
import { type FlannelOptions, versionOf } from './options.ts'

/** flanneld on one host with a store; with the first of them the operator begins his work. */
export function startManaged(host: Host, network: NetworkSpec<FlannelOptions>): Daemon {
  if (network.options.subnetManager === 'kube') {
    return new ManagedFlanneld(host, network, new KubernetesHost(host, network))
  }
  if (network.members[0]?.host === host.name) writeConfig(host, network)
  return new ManagedFlanneld(host, network, etcdControlPlane(host, network))
}

function etcdControlPlane(host: Host, network: NetworkSpec<FlannelOptions>): ControlPlane {
  return {
    makeManager: (program, previous) => {
      const registry = makeRegistry(program, host, network)
      return new LocalManager(program, registry, network.options, previous)
    },
    join: () => {},
    *leave(subnet: Ipv4Prefix | null) {
      if (subnet !== null) yield* deleteLease(host, network, subnet)
    },
  }
}

function makeRegistry(
  program: Program,
  host: Host,
  { options, store }: NetworkSpec<FlannelOptions>,
): Registry {
  const endpoints = store!.addressesFor(host)
  const { etcdPrefix: prefix } = options
  if (options.subnetManager === 'etcd-v2') return new V2Registry(program, endpoints, prefix)
  const relistsAfterCompaction = versionOf(options) === '0.28'
  return new V3Registry(program, { endpoints, prefix, relistsAfterCompaction })
}
