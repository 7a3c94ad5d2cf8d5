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
      const { bytes, text } = encodedOf(attributes)
      if (this.sent.get(key) === text) continue
      this.sent.set(key, text)
      const group = groups.get(text)
      if (group === undefined) groups.set(text, { attributes: bytes, prefixes: [prefix] })
      else group.prefixes.push(prefix)
    }
    const announcements = [...groups.values()].flatMap(announcementsOf)
    return [...encodeWithdrawals(withdrawn), ...announcements]
  }
}

interface Encoded {
  readonly bytes: Uint8Array
  readonly text: string
}

/** A path goes to many peers: what it becomes for them is made once. Attributes are never changed. */
const encodings = new WeakMap<PathAttributes, Encoded>()

function encodedOf(attributes: PathAttributes): Encoded {
  const known = encodings.get(attributes)
  if (known !== undefined) return known
  const bytes = encodeAttributes(attributes)
  const encoded = { bytes, text: String.fromCharCode(...bytes) }
  encodings.set(attributes, encoded)
  return encoded
}

/** The group that went out last, by its attributes, and its UPDATEs: the next peer is often told the same. */
const announced = new WeakMap<Uint8Array, { prefixes: Ipv4Prefix[]; updates: Uint8Array[] }>()

function announcementsOf({ attributes, prefixes }: Group): Uint8Array[] {
  const known = announced.get(attributes)
  if (known !== undefined && areSame(known.prefixes, prefixes)) return known.updates
  const updates = encodeAnnouncements(attributes, prefixes)
  announced.set(attributes, { prefixes, updates })
  return updates
}

function areSame(a: readonly Ipv4Prefix[], b: readonly Ipv4Prefix[]): boolean {
  const isSame = (one: Ipv4Prefix, i: number) =>
    one.base === b[i]!.base && one.length === b[i]!.length
  return a.length === b.length && a.every(isSame)
}
