import { Program } from '../../src/control/program/program.ts'
import type {
  Overlay,
  OverlayConnection,
  OverlayConnectionParams,
} from '../../src/schemes/weave/mesh/overlay.ts'
import type { Peer } from '../../src/schemes/weave/mesh/peer.ts'
import { type MeshConfig, MeshRouter } from '../../src/schemes/weave/mesh/router.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch, type HostsOptions } from '../control/hosts-on-switch.ts'

/** A data path that works as soon as it is wanted, and notes what it is told. */
export class WorkingOverlay implements Overlay {
  readonly prepared: OverlayConnectionParams[] = []
  readonly removed: Peer[] = []
  readonly controls: string[] = []
  routeChanges = 0
  shortIdChanges = 0
  stopped = 0
  /** Set to keep data paths from working. */
  isBlocked = false

  addFeaturesTo(features: Map<string, string>): void {
    features.set('Overlays', 'fastdp sleeve')
  }

  prepareConnection(params: OverlayConnectionParams): OverlayConnection {
    this.prepared.push(params)
    return {
      confirm: () => {
        if (!this.isBlocked) params.established()
      },
      controlMessage: (tag, content) => this.controls.push(`${tag}: ${content.join(' ')}`),
      stop: () => this.stopped++,
    }
  }

  invalidateRoutes(): void {
    this.routeChanges++
  }

  invalidateShortIds(): void {
    this.shortIdChanges++
  }

  peerRemoved(peer: Peer): void {
    this.removed.push(peer)
  }

  stop(): void {}
}

const PLAIN: Omit<MeshConfig, 'name' | 'nickName'> = {
  password: null,
  trustedSubnets: [],
  connLimit: 200,
  discovery: true,
  port: 6783,
}

/** Routers on hosts of one switch: that of h1 has the name 1, and so on. */
export class MeshBench extends HostsOnSwitch {
  readonly routers: MeshRouter[] = []
  readonly overlays: WorkingOverlay[] = []

  constructor(count: number, options: HostsOptions = {}, config: Partial<MeshConfig> = {}) {
    super(count, options)
    for (let number = 1; number <= count; number++) this.launch(number, config)
  }

  /** Starts the router of a host, anew if it ran before. */
  launch(number: number, config: Partial<MeshConfig> = {}): MeshRouter {
    const program = new Program(this.host(number).root, 'weaver')
    const overlay = new WorkingOverlay()
    const name = { name: number, nickName: `h${number}` }
    const router = new MeshRouter(program, { ...PLAIN, ...name, ...config }, overlay)
    this.routers[number - 1] = router
    this.overlays[number - 1] = overlay
    this.prepare(number, router)
    router.start()
    return router
  }

  /** For what else runs in the program. */
  protected prepare(_number: number, _router: MeshRouter): void {}

  router(number: number): MeshRouter {
    return this.routers[number - 1]!
  }

  overlay(number: number): WorkingOverlay {
    return this.overlays[number - 1]!
  }

  /** `weave connect` on one host, with the addresses of others. */
  connect(from: number, ...to: number[]): void {
    this.router(from).initiateConnections(to.map((number) => this.address(number)))
  }

  /** Each with each that comes before it, as with a list of all peers. */
  connectAll(): void {
    this.routers.forEach((_, i) => {
      this.connect(i + 1, ...Array.from({ length: i }, (_, j) => j + 1))
    })
  }

  /** Runs on for so many milliseconds. */
  run(milliseconds: number): void {
    this.simulator.run(this.simulator.now + milliseconds * MILLISECOND)
  }

  /** Names of those with whom a router has a connection. */
  neighbours(number: number): number[] {
    const names = this.router(number)
      .connections.all()
      .map(({ remote }) => remote.name)
    return names.sort((a, b) => a - b)
  }
}
