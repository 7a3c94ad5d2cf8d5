import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { PathAttributes } from '../wire/attributes.ts'
import { encodeAnnouncements, encodeWithdrawals } from '../wire/encode.ts'
import { encodeAttributes } from '../wire/encode-attributes.ts'
import { prefixKey } from './path.ts'

interface Group {
  readonly attributes: Uint8Array
  readonly prefixes: Ipv4Prefix[]
}

/** What one peer has been told, and the UPDATEs that tell it what has changed. */
export class AdjRibOut {
  /** The encoded attributes last sent, as text, by prefix. */
  private readonly sent = new Map<number, string>()

  get size(): number {
    return this.sent.size
  }

  /** Forgets what was sent, so that all of it is sent again. */
  clear(): void {
    this.sent.clear()
  }

  /**
   * @param changes what each prefix is to be told with; null = withdrawn.
   * @returns UPDATEs: withdrawals first, then one group for each set of attributes.
   */
  updates(
    changes: Iterable<{ prefix: Ipv4Prefix; attributes: PathAttributes | null }>,
  ): Uint8Array[] {
    const withdrawn: Ipv4Prefix[] = []
    const groups = new Map<string, Group>()
    for (const { prefix, attributes } of changes) {
      const key = prefixKey(prefix)
      if (attributes === null) {
        if (this.sent.delete(key)) withdrawn.push(prefix)
        continue
      }
      const encoded = encodeAttributes(attributes)
      const text = String.fromCharCode(...encoded)
      if (this.sent.get(key) === text) continue
      this.sent.set(key, text)
      const group = groups.get(text)
      if (group === undefined) groups.set(text, { attributes: encoded, prefixes: [prefix] })
      else group.prefixes.push(prefix)
    }
    const announcements = [...groups.values()].flatMap(({ attributes, prefixes }) =>
      encodeAnnouncements(attributes, prefixes),
    )
    return [...encodeWithdrawals(withdrawn), ...announcements]
  }
}
