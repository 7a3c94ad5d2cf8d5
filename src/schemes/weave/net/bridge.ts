import type { Commands } from '../../../host/commands.ts'
import type { Host } from '../../../host/host.ts'
import { Datapath } from '../../../host/openvswitch/datapath.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetDevice } from '../../../stack/device.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'

export const BRIDGE = 'weave'
const DATAPATH = 'datapath'
/** Ends of the cable from the bridge to what the router reads. */
const BRIDGE_PORT = 'vethwe-bridge'
const DATAPATH_PORT = 'vethwe-datapath'
const PCAP_PORT = 'vethwe-pcap'
/** Of the smallest underlay that is met (1460), VXLAN's 50 and ESP's 34 taken off. */
const FASTDP_MTU = 1376
/** Without the fast datapath each connection finds out what its way takes. */
const PCAP_MTU = 65535

/** How containers meet the router, as `weave report` names it. */
export type BridgeType = 'bridge' | 'bridged_fastdp' | 'fastdp'

export interface BridgeConfig {
  /**
   * `bridge`: a bridge, of which the router reads one port (`WEAVE_NO_FASTDP`); `bridged_fastdp`: that port
   * is one of the kernel's datapath; `fastdp`: the containers are ports of it.
   */
  readonly type: BridgeType
  /** `--mtu`; null = the default. */
  readonly mtu: number | null
  /** Of the bridge: the peer's name. */
  readonly mac: MacAddress
}

export function mtuOf({ type, mtu }: Pick<BridgeConfig, 'type' | 'mtu'>): number {
  return mtu ?? (type === 'bridge' ? PCAP_MTU : FASTDP_MTU)
}

/** What the containers are joined to, and the router's way to it: weaveworks/weave, net/bridge.go. */
export function ensureBridge(host: Host, config: BridgeConfig): void {
  const { commands, root } = host
  if (root.device(BRIDGE) !== undefined) return
  const mtu = mtuOf(config)
  if (config.type === 'fastdp') createDatapath(host, BRIDGE, mtu)
  else makeBridge(host, config, mtu)
  commands.link.up(BRIDGE)
  configureArpCache(root.device(BRIDGE)!)
}

function createDatapath({ root }: Host, name: string, mtu: number): Datapath {
  const datapath = Datapath.create(root, name)
  if ('errno' in datapath) throw new Error(datapath.message)
  root.device(name)!.mtu = mtu
  return datapath
}

/** The bridge and the cable from it. */
function makeBridge(host: Host, { type, mac }: BridgeConfig, mtu: number): void {
  const { commands, root } = host
  const datapath = type === 'bridge' ? null : createDatapath(host, DATAPATH, mtu)
  const far = datapath === null ? PCAP_PORT : DATAPATH_PORT
  commands.link.add({ name: BRIDGE, type: 'bridge', mac, mtu })
  commands.link.add({ name: BRIDGE_PORT, type: 'veth', mtu, peer: { name: far } })
  commands.link.master(BRIDGE_PORT, BRIDGE)
  commands.link.up(far)
  if (datapath === null) commands.ethtool(BRIDGE, { txChecksum: false })
  else {
    datapath.addNetdev(root.device(far)!)
    commands.link.up(DATAPATH)
  }
  commands.link.up(BRIDGE_PORT)
}

/** Joins a container's cable to the bridge, or to the datapath in its place. @returns why not. */
export function attachToBridge({ commands, root }: Host, name: string): string | null {
  const datapath = Datapath.find(root, BRIDGE)
  if (datapath === null) return commands.link.master(name, BRIDGE)?.message ?? null
  const port = datapath.addNetdev(root.device(name)!)
  return 'errno' in port ? port.message : null
}

export function datapathOf({ root }: Host): Datapath {
  const datapath = Datapath.find(root, BRIDGE) ?? Datapath.find(root, DATAPATH)
  if (datapath === null) throw new Error(`${root.name} has no datapath`)
  return datapath
}

/** What the router reads without the fast datapath. */
export function pcapPortOf({ root }: Host): NetDevice {
  const device = root.device(PCAP_PORT)
  if (device === undefined) throw new Error(`${root.name} has no ${PCAP_PORT}`)
  return device
}

/** `weave reset`: all devices that the network has on the host. */
export function deleteBridge({ commands, root }: Host): void {
  for (const { name } of root.devices) {
    // The other end of a pair goes with the first.
    if (name.startsWith('vethwe') && root.device(name) !== undefined) commands.link.delete(name)
  }
  for (const name of [BRIDGE, DATAPATH]) {
    if (root.device(name) !== undefined) commands.link.delete(name)
  }
}

/** A MAC address that has changed is to be noticed soon: weaveworks/weave, net/arp.go. */
export function configureArpCache(device: NetDevice): void {
  device.neighbourParameters = {
    ...device.namespace.kernel.profile.neighbour,
    baseReachableTime: 5 * SECOND,
    delayFirstProbe: 2 * SECOND,
    ucastSolicit: 1,
  }
}

/** Rules of the host: weaveworks/weave, net/bridge.go, ConfigureIPTables. */
export function configureIptables({ iptables }: Commands): void {
  // dockerd, without which there would be no containers, has switched both on.
  const rules = [
    `-i ${BRIDGE} -o ${BRIDGE} -j ACCEPT`,
    `-o ${BRIDGE} -j WEAVE-EXPOSE`,
    `-i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`,
    `-o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ]
  const saved = iptables.save()
  if (!saved.includes(':WEAVE-EXPOSE ')) iptables.run('-N WEAVE-EXPOSE')
  if (!saved.includes(':WEAVE ')) iptables.run('-t nat -N WEAVE')
  rules.forEach((rule, index) => {
    if (iptables.run(`-C FORWARD ${rule}`)) iptables.run(`-D FORWARD ${rule}`)
    iptables.run(`-I FORWARD ${index + 1} ${rule}`)
  })
  appendUnique(iptables, 'nat', `POSTROUTING -j WEAVE`)
}

/** What `weave reset` takes away again. */
export function removeIptables({ iptables }: Commands): void {
  const saved = iptables.save()
  if (!saved.includes(':WEAVE-EXPOSE ')) return
  for (const line of saved.split('\n')) {
    if (line.startsWith('-A FORWARD') && / (-i|-o) weave /.test(line)) {
      iptables.run(line.replace('-A', '-D'))
    }
  }
  iptables.run('-t nat -D POSTROUTING -j WEAVE')
  for (const [table, chain] of [
    ['nat', 'WEAVE'],
    ['filter', 'WEAVE-EXPOSE'],
  ]) {
    iptables.run(`-t ${table} -F ${chain}`)
    iptables.run(`-t ${table} -X ${chain}`)
  }
}

/** As the daemon adds rules: one that is there stays the only one. @param rule with its chain. */
export function appendUnique(
  iptables: Commands['iptables'],
  table: 'filter' | 'nat' | 'mangle',
  rule: string,
): void {
  if (!iptables.run(`-t ${table} -C ${rule}`)) iptables.run(`-t ${table} -A ${rule}`)
}
