import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import { parseInterfaceAddress } from '../../wire/ipv4-address.ts'
import { type Datastore, DatastoreError } from './datastore/client.ts'
import { Ipam } from './ipam/ipam.ts'
import type { NodeContext } from './node-service.ts'
import { tunnelHandle } from './node-startup.ts'

/** An administrator whose command has failed for want of the store types it again. */
const RETRY = SECOND

/**
 * `calicoctl delete node`: the addresses of what ran there, its endpoints, its blocks, what peers with it
 * alone, and the node (libcalico-go/lib/clientv3/node.go).
 */
export function* deleteNode(program: Program, context: NodeContext): Process {
  const datastore = context.datastore(program)
  const { node } = context
  const ipam = new Ipam(program, datastore, node, false)
  while (!(yield* tryDelete(datastore, ipam, node))) yield* sleep(RETRY)
}

function* tryDelete(datastore: Datastore, ipam: Ipam, node: string): Process<boolean> {
  const endpoints = yield* datastore.list('WorkloadEndpoint')
  if (endpoints instanceof DatastoreError) return false
  const own = endpoints.filter(({ value }) => value.spec.node === node)
  for (const { value } of own) {
    for (const text of value.spec.ipNetworks) {
      if ((yield* ipam.releaseIp(parseInterfaceAddress(text)!.address)) !== null) return false
    }
  }
  for (const tunnel of ['ipip', 'vxlan'] as const) {
    if ((yield* ipam.releaseByHandle(tunnelHandle(tunnel, node))) !== null) return false
  }
  for (const { key } of own) yield* datastore.delete('WorkloadEndpoint', key, null)
  if ((yield* ipam.releaseHost(node)) !== null) return false
  const peers = yield* datastore.list('BGPPeer')
  if (peers instanceof DatastoreError) return false
  for (const { key, value } of peers) {
    if (value.spec.node === node) yield* datastore.delete('BGPPeer', key, null)
  }
  yield* datastore.delete('FelixConfiguration', `node.${node}`, null)
  yield* datastore.delete('BGPConfiguration', `node.${node}`, null)
  const error = yield* datastore.delete('Node', node, null)
  return error === null || error.kind === 'not-found'
}
