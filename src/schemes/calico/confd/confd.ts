import { Program } from '../../../control/program/program.ts'
import type { BirdConfig } from '../bird/config.ts'
import type { Update } from '../datastore/model.ts'
import type { NodeContext } from '../node-service.ts'
import { ClusterView } from './cluster-view.ts'
import { renderBirdConfig } from './render.ts'

/** Renders BIRD's configuration out of the datastore, each time that something in it changes. */
export class Confd {
  readonly program: Program
  private readonly view: ClusterView
  private readonly write: (config: BirdConfig) => void
  private isInSync = false
  private rendered = ''

  /** @param write called with each new configuration: the reload command. */
  constructor(context: NodeContext, write: (config: BirdConfig) => void) {
    const { host, node } = context
    this.program = new Program(host.root, 'confd')
    this.view = new ClusterView(node)
    this.write = write
    const roots = [
      { kind: 'Node' },
      { kind: 'IPPool' },
      { kind: 'BGPConfiguration' },
      { kind: 'BGPPeer' },
      { kind: 'BlockAffinity', under: `${node}/` },
    ] as const
    this.program.spawn(
      context.datastore(this.program).follow(roots, {
        onUpdates: (updates) => this.take(updates),
        onInSync: () => this.inSync(),
      }),
    )
  }

  private take(updates: readonly Update[]): void {
    let isConcerned = false
    for (const update of updates) if (this.view.take(update)) isConcerned = true
    if (isConcerned && this.isInSync) this.render()
  }

  private inSync(): void {
    this.isInSync = true
    this.render()
  }

  private render(): void {
    const config = renderBirdConfig(this.view)
    const text = JSON.stringify(config)
    if (config === null || text === this.rendered) return
    this.rendered = text
    this.write(config)
  }
}
