import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import type { StoreAddress } from '../cluster/store.ts'
import type { Program } from '../program/program.ts'
import { KubeClient, KubeError } from './client.ts'

/** Between attempts, doubled each time (kubelet's registerWithAPIServer). */
const BACKOFF_FIRST = 100 * MILLISECOND
const BACKOFF_MAX = 7 * SECOND
const HTTP_CONFLICT = 409

/** What kubelet does first: it makes the record of its node, and tries until it is there. */
export function* registerNode(
  program: Program,
  server: StoreAddress,
  name: string,
  address: Ipv4Address,
): Process {
  const client = new KubeClient(program, server)
  const addresses = [
    { type: 'InternalIP', address: formatIpv4(address) },
    { type: 'Hostname', address: name },
  ]
  const node = {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: { name },
    spec: {},
    status: { addresses },
  }
  let backoff = BACKOFF_FIRST
  for (;;) {
    const done = yield* client.create(node)
    if (!(done instanceof KubeError) || done.code === HTTP_CONFLICT) return
    program.log.push(`Unable to register node with API server: ${done.text}`)
    yield* sleep(backoff)
    backoff = Math.min(backoff * 2, BACKOFF_MAX)
  }
}
