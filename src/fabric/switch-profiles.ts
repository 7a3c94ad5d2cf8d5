import type { MacTableOptions } from '../link/mac-table.ts'
import { MICROSECOND, NANOSECOND, SECOND } from '../sim/units.ts'

/** What a kind of switch can do; every field may be overridden. */
export interface SwitchProfile {
  readonly name: string
  readonly macTable: MacTableOptions
  /** Of the device's own ARP table where it routes, picoseconds. */
  readonly arpTimeout: number
  /** Port to port, without serialisation, picoseconds. */
  readonly latency: number
  /** Packet memory of the whole device. */
  readonly bufferBytes: number
  /** Transmit queue of one port; without it the share that a single congested port gets. */
  readonly portQueueBytes?: number
  /** With it ports share `bufferBytes`, each up to this times what is free (dynamic threshold). */
  readonly bufferAlpha?: number
  /** New addresses learned per second, where learning is the CPU's work. */
  readonly learnRate?: number
}

export interface SwitchOverrides extends Partial<Omit<SwitchProfile, 'macTable'>> {
  readonly macTable?: Partial<MacTableOptions>
}

const MIB = 1024 * 1024
const HOUR = 3600 * SECOND

/** Catalyst IOS and EOS: MAC 300 s, ARP 4 h (reference/README.md, correction 4). */
const IOS = { ageing: 300 * SECOND, arpTimeout: 4 * HOUR }
/** NX-OS keeps MACs longer than ARP entries on purpose, so that a refresh comes first (the same). */
const NXOS = { ageing: 1800 * SECOND, arpTimeout: 1500 * SECOND }
/** Cumulus Linux: the bridge's 300 s; ARP 1080 s with a refresher (the same). */
const CUMULUS = { ageing: 300 * SECOND, arpTimeout: 1080 * SECOND }

/** Arguments in the order of a data sheet; sizes in entries, bytes and picoseconds. */
function profile(
  name: string,
  timers: { ageing: number; arpTimeout: number },
  capacity: number,
  latency: number,
  bufferBytes: number,
  buckets?: MacTableOptions['buckets'],
): SwitchProfile {
  const { ageing, arpTimeout } = timers
  const table = { capacity, ageing }
  const macTable = buckets === undefined ? table : { ...table, buckets }
  return { name, macTable, arpTimeout, latency, bufferBytes }
}

/**
 * Sources: [W] the reference notes on the wire, 2.2 to 2.4; [P] published-performance.md section 4. [assumed]: no
 * source in the references, a round figure of the right size. Bucket arrangements are not published
 * but for Huawei's, so the other chips' tables are associative: they fill to the last entry.
 */
export const SWITCH_PROFILES: readonly SwitchProfile[] = [
  // Table 8K [W, unconfirmed]; latency and buffer [assumed].
  profile('catalyst-2960', IOS, 8192, 5 * MICROSECOND, 2 * MIB),
  // Table 8,000, Cisco 200/300 [W]; timers as IOS, latency and buffer [assumed].
  profile('cisco-small-business', IOS, 8000, 5 * MICROSECOND, 1 * MIB),
  // Table 32k, the default of Cumulus 4.3 [P]; 500-800 ns [W, unconfirmed]; 12 MB [W].
  profile('trident2', CUMULUS, 32768, 650 * NANOSECOND, 12 * MIB),
  // Table 32k, the default of Cumulus 4.3 [P]; 32 MB [W, unconfirmed]; latency [assumed] as Trident 2.
  profile('trident3', CUMULUS, 32768, 650 * NANOSECOND, 32 * MIB),
  // Table 40k, the default of Cumulus 4.3 [P]; 500 ns [W]; 16 MB [W, unconfirmed].
  profile('tomahawk', CUMULUS, 40960, 500 * NANOSECOND, 16 * MIB),
  // Table 40k, the default of Cumulus 4.3 [P]; latency and buffer [assumed].
  profile('spectrum', CUMULUS, 40960, 300 * NANOSECOND, 16 * MIB),
  // Table 64K [W]; latency and buffer [assumed].
  profile('nexus-3548', NXOS, 65536, 250 * NANOSECOND, 18 * MIB),
  // Table 64K, 380 ns [W]; buffer [assumed].
  profile('arista-7150', IOS, 65536, 380 * NANOSECOND, 9 * MIB),
  // Table 98,304 a slot [P], in hash buckets with a selectable CRC [W]; ways, timers and the rest [assumed].
  profile('ce6880', IOS, 98304, 800 * NANOSECOND, 16 * MIB, { hash: 'crc32', ways: 4 }),
  // No limit, 300 s (kernel-lab.md section 4); ARP base_reachable_time 30 s; latency and buffer [assumed].
  profile(
    'linux-bridge',
    { ageing: 300 * SECOND, arpTimeout: 30 * SECOND },
    Number.POSITIVE_INFINITY,
    5 * MICROSECOND,
    16 * MIB,
  ),
  // 128K: "Trident+" class [W, unconfirmed]; the rest [assumed].
  profile('generic', IOS, 131072, 500 * NANOSECOND, 16 * MIB),
]

/**
 * The profile of this name, with parts replaced; null when there is none of that name.
 * `buckets` given in `macTable` makes its table a hashed one.
 */
export function switchProfile(name: string, overrides: SwitchOverrides = {}): SwitchProfile | null {
  const found = SWITCH_PROFILES.find((each) => each.name === name)
  if (found === undefined) return null
  const { macTable, ...rest } = overrides
  return { ...found, ...rest, macTable: { ...found.macTable, ...macTable } }
}

/**
 * Bytes that one congested port may queue: as given, or what a dynamic threshold with alpha 1 settles
 * at when a single port is congested, which is half of the memory.
 */
export function portQueueBytes(profile: SwitchProfile): number {
  return profile.portQueueBytes ?? Math.floor(profile.bufferBytes / 2)
}
