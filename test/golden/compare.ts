import { formatFrame, type Layer, type TextFrame } from './text.ts'

/** What one capture point saw of one probe: by the kernel, and in the simulator. */
export interface Part {
  /** As `ping-underlay`. */
  readonly name: string
  readonly kernel: readonly TextFrame[]
  readonly ours: readonly TextFrame[]
}

/** Never drawn at random: equal or wrong. */
const FIXED_MACS = ['ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00']

/**
 * Pairs values that Linux draws at random with ours, one to one: a value once paired must meet its
 * partner again, wherever either of the two turns up.
 */
class Bijection {
  private readonly forward = new Map<string, string>()
  private readonly backward = new Map<string, string>()

  /** @returns null, or what is wrong with pairing `kernel` and `ours`. */
  pair(scope: string, kernel: string, ours: string): string | null {
    const [left, right] = [`${scope} ${kernel}`, `${scope} ${ours}`]
    const known = this.forward.get(left)
    const taken = this.backward.get(right)
    if (known === undefined && taken === undefined) {
      this.forward.set(left, right)
      this.backward.set(right, left)
      return null
    }
    if (known === right) return null
    if (known !== undefined) return `the kernel's ${left} stood for our ${known}, now for ${right}`
    return `our ${right} stood for the kernel's ${taken}, now for ${left}`
  }
}

/** The first difference of a part, at the frame with this index. */
interface Difference {
  readonly index: number
  readonly what: string
}

/**
 * Compares the sequences of frames of all points of a run, field by field. IP identifications,
 * VXLAN source ports, ephemeral TCP ports, ICMP identifiers and MACs that nobody configured are paired
 * one to one over the whole run.
 *
 * @param configuredMacs addresses that the set-up names: they must be equal.
 * @returns null when all is the same; else both sequences side by side, the first difference marked.
 */
export function compareRun(
  parts: readonly Part[],
  configuredMacs: Iterable<string>,
): string | null {
  const macs = new Set([...configuredMacs, ...FIXED_MACS])
  const pairs = new Bijection()
  for (const part of parts) {
    const difference = compareSequences(part, macs, pairs)
    if (difference !== null) return report(part, difference)
  }
  return null
}

function compareSequences(
  { kernel, ours }: Part,
  macs: ReadonlySet<string>,
  pairs: Bijection,
): Difference | null {
  const count = Math.min(kernel.length, ours.length)
  for (let index = 0; index < count; index++) {
    const what = compareFrames(kernel[index]!, ours[index]!, macs, pairs)
    if (what !== null) return { index, what }
  }
  if (kernel.length > count) return { index: count, what: 'the simulator lacks this frame' }
  if (ours.length > count) return { index: count, what: 'the kernel sent no such frame' }
  return null
}

function compareFrames(
  kernel: TextFrame,
  ours: TextFrame,
  macs: ReadonlySet<string>,
  pairs: Bijection,
): string | null {
  if (kernel.length !== ours.length) return `length ${kernel.length}, ours ${ours.length}`
  const stacks = [kernel, ours].map(({ layers }) =>
    layers.map(({ protocol }) => protocol).join(' '),
  )
  if (stacks[0] !== stacks[1]) return `layers ${stacks[0]}, ours ${stacks[1]}`
  for (const [at, layer] of kernel.layers.entries()) {
    const encapsulates = kernel.layers[at + 1]?.protocol === 'vxlan'
    const what = compareLayers(layer, ours.layers[at]!, encapsulates, macs, pairs)
    if (what !== null) return `layer ${at + 1}, ${layer.protocol} ${what}`
  }
  return null
}

function compareLayers(
  kernel: Layer,
  ours: Layer,
  encapsulates: boolean,
  macs: ReadonlySet<string>,
  pairs: Bijection,
): string | null {
  const names = [kernel, ours].map(({ fields }) => [...fields.keys()].sort().join(' '))
  if (names[0] !== names[1]) return `has the fields ${names[0]}, ours ${names[1]}`
  for (const [name, expected] of kernel.fields) {
    const value = ours.fields.get(name)!
    const kind = encapsulates && name === 'sport' ? 'flow port' : `${kernel.protocol}.${name}`
    const what = compareValues(kind, expected, value, kernel, macs, pairs)
    if (what !== null) return `${name}: ${what}`
  }
  return null
}

function compareValues(
  kind: string,
  kernel: string,
  ours: string,
  { fields }: Layer,
  macs: ReadonlySet<string>,
  pairs: Bijection,
): string | null {
  const unequal = `${kernel}, ours ${ours}`
  switch (kind) {
    case 'eth.src':
    case 'eth.dst':
    case 'arp.sha':
    case 'arp.tha':
      if (!macs.has(kernel) && !macs.has(ours)) return pairs.pair('MAC', kernel, ours)
      break
    case 'ip.id':
      // Zero is what Linux writes on purpose. An identification means something only for one pair of
      // addresses and one protocol (RFC 791), and may come again for another.
      if (kernel !== '0x0000' && ours !== '0x0000') {
        const flow = `${fields.get('src')}>${fields.get('dst')}/${fields.get('proto')}`
        return pairs.pair(`IP id ${flow}`, kernel, ours)
      }
      break
    case 'flow port':
      return pairs.pair('VXLAN port', kernel, ours)
    case 'tcp.sport':
    case 'tcp.dport':
      if (isEphemeral(kernel) && isEphemeral(ours)) return pairs.pair('TCP port', kernel, ours)
      break
    case 'icmp.id':
      return pairs.pair('ICMP id', kernel, ours)
    case 'ip.csum':
    case 'udp.csum':
    case 'tcp.csum':
    case 'icmp.csum':
      // A capture cut at 192 bytes cannot tell whether a checksum that is there is right; ours must be.
      if (kernel === 'unverified' && (ours === 'good' || ours === 'unverified')) return null
      // Our taps show finished checksums where the kernel's sit above the device that finishes them.
      if (kernel === 'unfinished' && ours === 'good') return null
      break
  }
  return kernel === ours ? null : unequal
}

/** net.ipv4.ip_local_port_range */
function isEphemeral(port: string): boolean {
  return Number(port) >= 32768 && Number(port) <= 60999
}

const COLUMN = 88

/** Both sequences side by side with the first difference marked, and the two frames in full. */
function report({ name, kernel, ours }: Part, { index, what }: Difference): string {
  const rows: string[] = []
  for (let i = 0; i < Math.max(kernel.length, ours.length); i++) {
    const mark = i === index ? '>>' : '  '
    const [left, right] = [kernel[i], ours[i]].map((frame) => (frame ? summary(frame) : '-'))
    rows.push(`${mark} ${String(i + 1).padStart(3)}  ${left!.padEnd(COLUMN)} | ${right}`)
  }
  const full = [kernel[index], ours[index]].map((frame) => (frame ? formatFrame(frame) : 'none'))
  return [
    `${name}: frame ${index + 1} differs: ${what}`,
    `        ${'kernel'.padEnd(COLUMN)} | simulator`,
    ...rows,
    'kernel:',
    full[0],
    'simulator:',
    full[1],
  ].join('\n')
}

/** One line; of what a tunnel carries, the outer headers in three words. */
function summary({ time, length, layers }: TextFrame): string {
  const tunnel = layers.findIndex(({ protocol }) => protocol === 'vxlan')
  const words = layers.slice(tunnel < 0 ? 0 : tunnel).map(({ protocol, fields }) => {
    switch (protocol) {
      case 'eth':
        return `${short(fields.get('src'))}>${short(fields.get('dst'))}`
      case 'arp':
        return `arp ${fields.get('op')} ${fields.get('spa')}>${fields.get('tpa')}`
      case 'vxlan':
        return `port ${layers[tunnel - 1]?.fields.get('sport')} vni ${fields.get('vni')}`
      case 'ip':
        return `${fields.get('src')}>${fields.get('dst')} ttl ${fields.get('ttl')}`
      case 'udp':
        return `udp ${fields.get('sport')}>${fields.get('dport')}`
      case 'tcp':
        return `${fields.get('flags')} ${fields.get('sport')} ${fields.get('seq')}+${fields.get('len')}`
      default:
        return `${protocol} ${fields.get('type')}/${fields.get('code')}`
    }
  })
  return `${time.toFixed(3)} ${length}B ${words.join(' ')}`.slice(0, COLUMN)
}

/** The last two octets: enough to tell stations apart. */
function short(mac: string | undefined): string {
  return mac === 'ff:ff:ff:ff:ff:ff' ? '*' : (mac?.slice(-5) ?? '?')
}
