import { formatMac } from '../../../wire/mac-address.ts'
import type { PeerName } from '../mesh/peer.ts'

/** What the peers with a part in the ring are called, those that are gone included: `weave rmpeer` takes a nickname. */
export class Nicknames {
  private names: ReadonlyMap<PeerName, string> = new Map()

  /** As they are now; later changes are not seen in it. */
  get all(): ReadonlyMap<PeerName, string> {
    return this.names
  }

  merge(nicknames: ReadonlyMap<PeerName, string>): void {
    if (nicknames === this.names) return
    let merged: Map<PeerName, string> | null = null
    for (const [name, nickname] of nicknames) {
      if (this.names.get(name) === nickname) continue
      merged ??= new Map(this.names)
      merged.set(name, nickname)
    }
    if (merged !== null) this.names = merged
  }

  delete(name: PeerName): void {
    this.keep((other) => other !== name)
  }

  keep(isKept: (name: PeerName) => boolean): void {
    const kept = [...this.names].filter(([name]) => isKept(name))
    if (kept.length < this.names.size) this.names = new Map(kept)
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
