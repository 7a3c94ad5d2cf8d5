import { formatMac } from '../../../wire/mac-address.ts'
import type { PeerName } from '../mesh/peer.ts'

/** What the peers with a part in the ring are called, those that are gone included: `weave rmpeer` takes a nickname. */
export class Nicknames {
  private readonly names = new Map<PeerName, string>()

  get all(): ReadonlyMap<PeerName, string> {
    return this.names
  }

  set(name: PeerName, nickname: string): void {
    this.names.set(name, nickname)
  }

  delete(name: PeerName): void {
    this.names.delete(name)
  }

  keep(isKept: (name: PeerName) => boolean): void {
    for (const name of this.names.keys()) if (!isKept(name)) this.names.delete(name)
  }

  /** @param text a nickname, or a name among `known`. */
  lookUp(text: string, known: ReadonlySet<PeerName>): PeerName | null {
    for (const [name, nickname] of this.names) if (nickname === text) return name
    return [...known].find((name) => formatMac(name) === text) ?? null
  }

  /** As errors name a peer. */
  describe(name: PeerName): string {
    const nickname = this.names.get(name)
    return nickname === undefined ? formatMac(name) : `${formatMac(name)} (${nickname})`
  }

  /** As errors name several. */
  annotate(names: readonly PeerName[]): string {
    const texts = names.map((name) => {
      const nickname = this.names.get(name)
      return nickname === undefined ? formatMac(name) : `${formatMac(name)}(${nickname})`
    })
    return `[${texts.join(' ')}]`
  }
}
