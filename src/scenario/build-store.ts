import type { StoreCluster } from '../control/cluster/store.ts'
import { ConsulCluster } from '../control/consul/cluster.ts'
import { EtcdCluster } from '../control/etcd/cluster.ts'
import { KubeCluster } from '../control/kube/cluster.ts'
import type { Scenario, StoreModel } from './model.ts'
import type { WorldFabric } from './world.ts'

/** The store of a scenario, whose members do not run yet; null when it has none. */
export function buildStore({ store }: Scenario, fabric: WorldFabric): StoreCluster | null {
  return store === null ? null : makeStore(store, fabric)
}

function makeStore(model: StoreModel, { hosts }: WorldFabric): StoreCluster {
  const places = model.members.map(({ name, host }) => ({ name, host: hosts.get(host)! }))
  switch (model.kind) {
    case 'etcd':
      return new EtcdCluster(places, model, model.fsync)
    case 'kube':
      return new KubeCluster(places[0]!, model.fsync)
    case 'consul': {
      const { version: release, settings, fsync } = model
      const agents = model.agents.map((name) => hosts.get(name)!)
      return new ConsulCluster({ release, settings, servers: places, agents, fsync })
    }
  }
}
