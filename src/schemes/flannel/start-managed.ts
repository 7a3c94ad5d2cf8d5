import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { Daemon, NetworkSpec } from '../contract.ts'
import { LocalManager } from './etcd/local-manager.ts'
import { writeConfig } from './etcd/operator.ts'
import { V2Registry } from './etcd/v2-registry.ts'
import { V3Registry } from './etcd/v3-registry.ts'
import { startKubernetes } from './kube/control-plane.ts'
import { KubeManager } from './kube/kube-manager.ts'
import { ManagedFlanneld } from './managed-daemon.ts'
import { type FlannelOptions, versionOf } from './options.ts'
import type { SubnetManager } from './subnet-manager.ts'

/** flanneld on one host with a store; with the first of them the operator begins his work. */
export function startManaged(host: Host, network: NetworkSpec<FlannelOptions>): Daemon {
  const isFirst = network.members[0]?.host === host.name
  if (network.options.subnetManager === 'kube') startKubernetes(host, network)
  else if (isFirst) writeConfig(host, network)
  return new ManagedFlanneld(host, network, (program, previous) =>
    makeManager(program, host, network, previous),
  )
}

function makeManager(
  program: Program,
  host: Host,
  { options, store }: NetworkSpec<FlannelOptions>,
  previous: Ipv4Prefix | null,
): SubnetManager {
  const endpoints = store!.addressesFor(host)
  const { etcdPrefix: prefix } = options
  switch (options.subnetManager) {
    case 'kube':
      return new KubeManager(program, { server: endpoints[0]!, node: host.name, options })
    case 'etcd-v2': {
      const registry = new V2Registry(program, endpoints, prefix)
      return new LocalManager(program, registry, options, previous)
    }
    default: {
      const relistsAfterCompaction = versionOf(options) === '0.28'
      const registry = new V3Registry(program, { endpoints, prefix, relistsAfterCompaction })
      return new LocalManager(program, registry, options, previous)
    }
  }
}
