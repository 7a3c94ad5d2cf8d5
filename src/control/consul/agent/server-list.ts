import type { RandomStream } from '../../../sim/random.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'

/** A server as gossip tells of it. */
export interface KnownServer {
  readonly name: string
  readonly address: Ipv4Address
}

/**
 * The servers that an agent may ask: always the first, which goes to the end when a call to it fails.
 * Source: consul agent/router/manager.go.
 */
export class ServerList {
  private servers: readonly KnownServer[] = []

  get first(): KnownServer | null {
    return this.servers[0] ?? null
  }

  get length(): number {
    return this.servers.length
  }

  /** A server that is known keeps its place. */
  add(server: KnownServer): void {
    const at = this.servers.findIndex(({ name }) => name === server.name)
    this.servers = at < 0 ? [...this.servers, server] : this.servers.with(at, server)
  }

  remove(name: string): void {
    this.servers = this.servers.filter((server) => server.name !== name)
  }

  /** Only the first can fail: of several calls that failed together one moves it. */
  failed(server: KnownServer): void {
    if (this.servers[0] !== server) return
    this.servers = [...this.servers.slice(1), server]
  }

  shuffle(random: RandomStream): void {
    const servers = [...this.servers]
    for (let i = servers.length - 1; i > 0; i--) {
      const other = random.integer(0, i)
      const server = servers[i]!
      servers[i] = servers[other]!
      servers[other] = server
    }
    this.servers = servers
  }
}
