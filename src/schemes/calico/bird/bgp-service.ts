import { Confd } from '../confd/confd.ts'
import type { NodeContext, NodeService } from '../node-service.ts'
import { Bird } from './bird.ts'
import type { BirdConfig } from './config.ts'

/** confd and the BIRD that it configures, on one node. */
export class BgpService implements NodeService {
  private readonly context: NodeContext
  private confd: Confd | null = null
  private current: Bird | null = null
  private identity = ''
  private readonly lives: { readonly log: readonly string[] }[] = []

  constructor(context: NodeContext) {
    this.context = context
  }

  get log(): readonly string[] {
    return this.lives.flatMap(({ log }) => log)
  }

  /** Null until confd has written its first bird.cfg. */
  get bird(): Bird | null {
    return this.current
  }

  start(): void {
    this.confd = new Confd(this.context, (config) => this.take(config))
    this.lives.push(this.confd.program)
  }

  private take(config: BirdConfig): void {
    const { asNumber, address, clusterId } = config
    const identity = JSON.stringify([asNumber, address, clusterId])
    // Another AS, router id or cluster concerns every session: BIRD would restart them all.
    if (this.current !== null && identity === this.identity) return this.current.configure(config)
    this.current?.crash()
    this.identity = identity
    this.current = new Bird(this.context.host.root, config)
    this.lives.push(this.current)
  }

  /**
   * The container's first process ends without waiting for its services, which the kernel then kills: peers see
   * a lost connection, not a Cease, and keep the routes for the restart time.
   */
  stop(): void {
    this.crash()
  }

  crash(): void {
    this.confd?.program.kill()
    this.current?.crash()
    this.confd = null
    this.current = null
  }
}
