import type { KeyValueClient } from '../control/cluster/key-value-client.ts'
import type { StoreCluster } from '../control/cluster/store.ts'
import { ConsulKeyValueClient } from '../control/consul/client/key-value.ts'
import { V2KeyValueClient } from '../control/etcd/client/v2-key-value.ts'
import { V3KeyValueClient } from '../control/etcd/client/v3-key-value.ts'
import type { Program } from '../control/program/program.ts'
import type { Host } from '../host/host.ts'
import type { StoreApi } from './model.ts'

/** The library with which a program asks the store of the scenario. */
export function connectStore(
  store: StoreCluster,
  api: StoreApi,
  program: Program,
  host: Host,
): KeyValueClient {
  const addresses = store.addressesFor(host)
  switch (api) {
    case 'v2':
      return new V2KeyValueClient(program, addresses)
    case 'v3':
      return new V3KeyValueClient(program, addresses)
    case 'kv':
      return new ConsulKeyValueClient(program, addresses[0]!)
  }
}
