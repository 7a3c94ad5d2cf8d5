import type { StoreAddress } from '../../../control/cluster/store.ts'
import { V2ClusterClient } from '../../../control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../../control/etcd/client/v2-keys.ts'
import {
  isV2Failure,
  V2_KEY_NOT_FOUND,
  V2KeysError,
} from '../../../control/etcd/client/v2-messages.ts'
import { V3Client } from '../../../control/etcd/client/v3-client.ts'
import { V3Error } from '../../../control/etcd/client/v3-messages.ts'
import { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { formatIpv4, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { NetworkSpec } from '../../contract.ts'
import { subnetKey } from '../lease-record.ts'
import { networkConfigText } from '../network-config.ts'
import { type FlannelOptions, publicIpOf } from '../options.ts'

/** etcdctl's --command-timeout. */
const COMMAND_TIMEOUT = 5 * SECOND
/** A script that waits for the cluster. */
const RETRY = SECOND

/** @returns whether it was done. */
type Put = (key: string, value: string) => Process<boolean>
type Delete = (key: string) => Process<boolean>

/** Before a network can begin its operator writes its configuration: as etcdctl on `host` does. */
export function writeConfig(host: Host, network: NetworkSpec<FlannelOptions>): void {
  const program = new Program(host.root, `etcdctl-${network.name}`)
  const endpoints = network.store!.addressesFor(host)
  const isV2 = network.options.subnetManager === 'etcd-v2'
  const put = isV2 ? putV2(program, endpoints) : putV3(program, endpoints)
  program.spawn(writeAll(program, network, put))
}

/** The operator strikes a host out: `etcdctl rm` of its lease. */
export function* deleteLease(
  host: Host,
  network: NetworkSpec<FlannelOptions>,
  subnet: Ipv4Prefix,
): Process {
  const program = new Program(host.root, `etcdctl-rm-${network.name}`)
  const endpoints = network.store!.addressesFor(host)
  const isV2 = network.options.subnetManager === 'etcd-v2'
  const remove = isV2 ? deleteV2(program, endpoints) : deleteV3(program, endpoints)
  const key = `${network.options.etcdPrefix}/subnets/${subnetKey(subnet)}`
  yield program.spawn(deleteKey(key, remove)).done
  program.kill()
}

function* deleteKey(key: string, remove: Delete): Process {
  while (!(yield* remove(key))) yield* sleep(RETRY)
}

function* writeAll(program: Program, network: NetworkSpec<FlannelOptions>, put: Put): Process {
  for (const [key, value] of keysOf(network)) {
    while (!(yield* put(key, value))) yield* sleep(RETRY)
  }
  program.kill()
}

/** The configuration comes last: with it the daemons begin. */
function keysOf({ members, options }: NetworkSpec<FlannelOptions>): [key: string, value: string][] {
  const { etcdPrefix, reservations } = options
  const reserved = members.flatMap((member): [string, string][] => {
    const subnet = reservations[member.host]
    if (subnet === undefined) return []
    const value = JSON.stringify({ PublicIP: formatIpv4(publicIpOf(options, member)) })
    return [[`${etcdPrefix}/subnets/${subnetKey(subnet)}`, value]]
  })
  return [...reserved, [`${etcdPrefix}/config`, networkConfigText(options)]]
}

function putV2(program: Program, endpoints: readonly StoreAddress[]): Put {
  const keys = new V2Keys(new V2ClusterClient(program, { endpoints }))
  return function* (key, value) {
    return !isV2Failure(yield* keys.set(key, value, { timeout: COMMAND_TIMEOUT }))
  }
}

function putV3(program: Program, endpoints: readonly StoreAddress[]): Put {
  const client = new V3Client(program, { endpoints, timeout: COMMAND_TIMEOUT })
  return function* (key, value) {
    return !((yield* client.put(key, value)) instanceof V3Error)
  }
}

/** A key that is not there need not be deleted. */
function deleteV2(program: Program, endpoints: readonly StoreAddress[]): Delete {
  const keys = new V2Keys(new V2ClusterClient(program, { endpoints }))
  return function* (key) {
    const done = yield* keys.delete(key)
    return !isV2Failure(done) || (done instanceof V2KeysError && done.code === V2_KEY_NOT_FOUND)
  }
}

function deleteV3(program: Program, endpoints: readonly StoreAddress[]): Delete {
  const client = new V3Client(program, { endpoints, timeout: COMMAND_TIMEOUT })
  return function* (key) {
    return !((yield* client.delete(key)) instanceof V3Error)
  }
}
