import { BgpDaemon } from '../../../control/bgp/daemon.ts'
import type { Neighbour } from '../../../control/bgp/neighbour.ts'
import type { SessionTimers } from '../../../control/bgp/session/settings.ts'
import type { BgpSpeaker, NeighbourOptions } from '../../../control/bgp/speaker.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { BirdConfig, BirdPeer } from './config.ts'
import { exportsToPeers } from './filters.ts'
import { KernelProtocol } from './kernel-protocol.ts'

/** What the template of Calico's bird.cfg sets; hold and keepalive are BIRD's own. */
const TIMERS: SessionTimers = {
  holdTime: 240,
  keepalive: null,
  startDelay: 2 * SECOND,
  connectRetry: 5 * SECOND,
  connectDelay: 2 * SECOND,
  errorWait: { least: 5 * SECOND, most: 30 * SECOND },
  errorForget: 300 * SECOND,
}
/** `graceful restart wait` (nest/config.Y). */
const RESTART_WAIT = 240 * SECOND
const SCAN_TIME = 2 * SECOND
/** `merge paths on`, and its default limit. */
const MERGE_PATHS = 16

/** BIRD as a node of Calico runs it: `bird -R`, so that every start counts as a graceful restart. */
export class Bird {
  private readonly daemon: BgpDaemon
  private readonly kernel: KernelProtocol
  private config: BirdConfig
  /** `protocol static`, by prefix. */
  private readonly statics = new Map<string, Ipv4Prefix>()

  constructor(namespace: NetNamespace, config: BirdConfig) {
    const { asNumber, address, clusterId } = config
    this.config = config
    this.kernel = new KernelProtocol(namespace, config, (line) =>
      this.daemon.program.log.push(line),
    )
    const settings = {
      as: asNumber,
      routerId: address,
      multipath: MERGE_PATHS,
      restartWait: RESTART_WAIT,
      ...(clusterId === null ? {} : { clusterId }),
    }
    this.daemon = new BgpDaemon(namespace, 'bird', settings, this.kernel)
    for (const peer of config.peers) this.daemon.speaker.addNeighbour(this.optionsOf(peer))
    this.daemon.post(() => {
      this.takeBlocks()
      this.scan()
    })
    this.daemon.start()
  }

  get speaker(): BgpSpeaker {
    return this.daemon.speaker
  }

  get log(): readonly string[] {
    return this.daemon.program.log
  }

  /** SIGHUP with a new bird.cfg: sessions stay unless their own lines have changed. */
  configure(config: BirdConfig): void {
    this.daemon.post(() => this.reconfigure(config))
  }

  /** SIGKILL; what it put in the kernel stays. */
  crash(): void {
    this.daemon.crash()
  }

  private reconfigure(config: BirdConfig): void {
    const before = this.config
    this.config = config
    this.kernel.configure(config)
    this.updatePeers(before.peers)
    if (textOf([before.pools, before.blocks]) !== textOf([config.pools, config.blocks])) {
      for (const neighbour of this.speaker.neighbours) neighbour.setExport(this.exportFilter())
    }
    this.takeBlocks()
    this.learn()
  }

  private updatePeers(before: readonly BirdPeer[]): void {
    const { speaker, config } = this
    const old = new Map(before.map((peer) => [peer.address, textOf(peer)]))
    for (const peer of config.peers) {
      const known = old.get(peer.address)
      old.delete(peer.address)
      if (known === textOf(peer)) continue
      if (known !== undefined) this.remove(peer.address)
      speaker.addNeighbour(this.optionsOf(peer)).session.start()
    }
    for (const address of old.keys()) this.remove(address)
  }

  private remove(address: Ipv4Address): void {
    const neighbour: Neighbour | null = this.speaker.neighbour(address)
    if (neighbour !== null) this.speaker.removeNeighbour(neighbour)
  }

  private optionsOf(peer: BirdPeer): NeighbourOptions {
    return {
      remoteAs: peer.asNumber,
      localAddress: this.config.address,
      remoteAddress: peer.address,
      timers: { ...TIMERS, keepalive: peer.keepalive === null ? null : peer.keepalive * SECOND },
      isPassive: peer.isPassive,
      gracefulRestart: { mode: 'on', restartTime: peer.restartTime },
      isClient: peer.isReflectorClient,
      nextHopSelf: peer.nextHop === 'self',
      nextHopKeep: peer.nextHop === 'keep',
      export: this.exportFilter(),
    }
  }

  private exportFilter(): NonNullable<NeighbourOptions['export']> {
    const { config } = this
    return (net, attributes) => (exportsToPeers(config, net) ? attributes : null)
  }

  private takeBlocks(): void {
    const { speaker, statics } = this
    const wanted = new Map(this.config.blocks.map(({ cidr }) => [formatPrefix(cidr), cidr]))
    for (const [key, net] of [...statics]) {
      if (wanted.has(key)) continue
      statics.delete(key)
      speaker.withdraw(net)
    }
    for (const [key, net] of wanted) {
      // A block of one address has no static route: the endpoint's own is learned.
      if (net.length === 32 || statics.has(key)) continue
      statics.set(key, net)
      speaker.originate(net)
    }
  }

  private scan(): void {
    this.kernel.scan()
    this.learn()
    this.daemon.clock.after(SCAN_TIME, () => this.scan())
  }

  private learn(): void {
    const { come, gone } = this.kernel.learn()
    for (const net of gone) if (!this.statics.has(formatPrefix(net))) this.speaker.withdraw(net)
    for (const net of come) if (!this.statics.has(formatPrefix(net))) this.speaker.originate(net)
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value)
}
