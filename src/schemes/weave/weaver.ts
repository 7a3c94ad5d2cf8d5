import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { Allocator } from './ipam/allocator.ts'
import type { AllocatorDisk } from './ipam/disk.ts'
import type { PeerName } from './mesh/peer.ts'
import { MeshRouter } from './mesh/router.ts'
import { type BridgeConfig, datapathOf, pcapPortOf } from './net/bridge.ts'
import type { WeaveOptions } from './options.ts'
import { DataThreads } from './overlay/data-thread.ts'
import { Fastdp } from './overlay/fastdp.ts'
import { Ipsec } from './overlay/ipsec.ts'
import { MAC_CACHE_SWEEP } from './overlay/mac-cache.ts'
import { NetworkRouter } from './overlay/network-router.ts'
import { OverlaySwitch } from './overlay/overlay-switch.ts'
import { Pcap } from './overlay/pcap.ts'
import { Sleeve } from './overlay/sleeve.ts'
import type { NetworkOverlay } from './overlay/switch-connection.ts'

/** Of control and of sleeve; the fast datapath has the one above. */
const PORT = 6783
/** After the broadcast, which is not acknowledged. */
const LAST_WORDS = 100 * MILLISECOND

export interface WeaverConfig {
  readonly options: WeaveOptions
  readonly name: PeerName
  readonly bridge: BridgeConfig
  /** How many peers there are at first, and their names. */
  readonly seeds: readonly PeerName[]
  readonly disk: AllocatorDisk
}

/** One start of the router of a host: weaveworks/weave, prog/weaver. */
export class Weaver {
  readonly program: Program
  readonly mesh: MeshRouter
  readonly allocator: Allocator
  readonly router: NetworkRouter
  readonly fastdp: Fastdp | null

  constructor(host: Host, config: WeaverConfig) {
    const { options } = config
    const program = new Program(host.root, 'weaver')
    this.program = program
    this.router = new NetworkRouter(program)
    const threads = new DataThreads(program)
    this.fastdp = this.startFastdp(threads, host, config)
    const overlays: NetworkOverlay[] = this.fastdp === null ? [] : [this.fastdp]
    const sleeve = Sleeve.start(threads, PORT, this.router)
    if (typeof sleeve === 'string') program.log.push(sleeve)
    else overlays.push(sleeve)
    this.router.injector = this.fastdp ?? new Pcap(threads, pcapPortOf(host), this.router)
    const overlay = new OverlaySwitch(program, overlays, (peer) => this.router.macs.delete(peer))
    this.router.onMacMoved = () => overlay.invalidateRoutes()
    this.mesh = new MeshRouter(program, meshConfig(host, config), overlay)
    this.router.mesh = this.mesh
    this.allocator = new Allocator(this.mesh, {
      range: options.range,
      defaultSubnet: options.range,
      disk: config.disk,
      init:
        options.ipallocInit === 'seed'
          ? { mode: 'seed', peers: config.seeds }
          : { mode: 'consensus', peers: config.seeds.length },
    })
  }

  private startFastdp(
    threads: DataThreads,
    host: Host,
    { bridge, options }: WeaverConfig,
  ): Fastdp | null {
    if (bridge.type === 'bridge') return null
    const ipsec =
      options.password === undefined
        ? null
        : new Ipsec(host.commands, threads.program.random, PORT + 1)
    const fastdp = Fastdp.start(threads, datapathOf(host), PORT + 1, this.router, ipsec)
    if (typeof fastdp !== 'string') return fastdp
    threads.program.log.push(fastdp)
    return null
  }

  /** @param peers whom it is to connect to. */
  *run(peers: readonly Ipv4Address[]): Process {
    const { program, mesh } = this
    if (!mesh.start()) return program.kill()
    this.allocator.start()
    mesh.initiateConnections(peers)
    for (;;) {
      yield* sleep(MAC_CACHE_SWEEP)
      this.router.macs.expire(program.now)
    }
  }

  /** An address for a container; waits until there is one. @returns it, or what the operator reads. */
  *addressFor(
    container: string,
    subnet: Ipv4Prefix,
    wanted: Ipv4Address | null,
  ): Process<Ipv4Address | string> {
    const { allocator } = this
    if (wanted === null) return yield* allocator.allocate(container, subnet)
    return (yield* allocator.claim(container, wanted, subnet.length)) ?? wanted
  }

  /** For the host itself, as `weave expose` asks for it. */
  *addressOfHost(name: string, subnet: Ipv4Prefix): Process<Ipv4Address | string> {
    return yield* this.allocator.allocate(name, subnet, false)
  }

  /** `weave reset`: its addresses are for others from now on. */
  *reset(): Process {
    this.allocator.shutdown()
    yield* sleep(LAST_WORDS)
    this.shutDown()
  }

  /** SIGTERM: the kernel keeps what it has. */
  shutDown(): void {
    this.mesh.stop()
    this.program.kill()
  }
}

function meshConfig(host: Host, { options, name }: WeaverConfig) {
  return {
    name,
    nickName: host.name,
    password: options.password ?? null,
    trustedSubnets: options.trustedSubnets,
    connLimit: options.connLimit,
    discovery: options.discovery,
    port: PORT,
  }
}
