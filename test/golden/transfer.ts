/**
 * TCP transfers as sequences of frames that two systems of different speed have in common. When an
 * acknowledgement comes, where a late segment ends and what the window is then follow from timing; all
 * headers, the handshake, the options, which bytes were sent and how it ends do not.
 */
import type { Layer, TextFrame } from './text.ts'

/** Sequence number and timestamp with which a sender began. */
interface Start {
  readonly sequence: number
  readonly timestamp: number
}

/**
 * A transfer as a golden file has it: sequence numbers and timestamps are relative to the first of
 * their sender, of pure acknowledgements only the handshake's is kept, and after it no window.
 */
export function reduceTransfer(frames: readonly TextFrame[]): TextFrame[] {
  const starts = new Map<string, Start>()
  const kept: TextFrame[] = []
  let isHandshake = true
  for (const frame of frames) {
    const tcp = tcpOf(frame)
    if (tcp === null) kept.push(frame)
    else {
      const reduced = reduceHeader(tcp, starts, isHandshake)
      const isPureAck = reduced.get('flags') === '.' && reduced.get('len') === '0'
      if (isHandshake || !isPureAck) kept.push(withTcp(frame, reduced))
      if (isPureAck) isHandshake = false
    }
  }
  return kept
}

/** Without data of which the same sender has sent all before. */
export function firstCopies(frames: readonly TextFrame[]): TextFrame[] {
  const sent = new Map<string, Range[]>()
  return frames.filter((frame) => {
    const range = rangeOf(frame)
    if (range === null) return true
    const sender = tcpOf(frame)!.get('sport')!
    const before = sent.get(sender) ?? []
    sent.set(sender, [...before, range])
    return !isCovered(range, before)
  })
}

function isCovered({ from, length }: Range, by: readonly Range[]): boolean {
  let next = from
  for (const other of [...by].sort((a, b) => a.from - b.from)) {
    if (other.from <= next) next = Math.max(next, other.from + other.length)
  }
  return next >= from + length
}

function reduceHeader(
  tcp: ReadonlyMap<string, string>,
  starts: Map<string, Start>,
  isHandshake: boolean,
): Map<string, string> {
  const number = (name: string) => Number(tcp.get(name))
  const [own, other] = [tcp.get('sport')!, tcp.get('dport')!]
  if (!starts.has(own)) starts.set(own, { sequence: number('seq'), timestamp: number('tsval') })
  const [start, peer] = [starts.get(own)!, starts.get(other)]
  const reduced = new Map(tcp)
  reduced.set('flags', tcp.get('flags')!.replace('P', ''))
  reduced.set('seq', String((number('seq') - start.sequence) >>> 0))
  reduced.set('tsval', String((number('tsval') - start.timestamp) | 0))
  if (peer !== undefined) {
    reduced.set('ack', String((number('ack') - peer.sequence) >>> 0))
    reduced.set('tsecr', String((number('tsecr') - peer.timestamp) | 0))
  }
  if (!isHandshake) reduced.delete('win')
  return reduced
}

/** The same transfer by two systems, cut into the same pieces. */
export interface AlignedTransfers {
  readonly kernel: readonly TextFrame[]
  readonly ours: readonly TextFrame[]
  /** Segments that both have, compared field by field. */
  readonly sameSegments: number
  /** Bytes in other segments: of these the range is compared, and the headers without id. */
  readonly otherBytes: number
}

/**
 * Makes frames comparable: data where both cut it is left as it is, and what lies between two cuts that
 * both made becomes one frame for the stretch. A FIN on a last segment stands beside it. Where the
 * kernel's segments overtook each other is timing.
 *
 * @param mayOvertake whether ours may as well: else they must be in order.
 */
export function alignTransfers(
  kernel: readonly TextFrame[],
  ours: readonly TextFrame[],
  mayOvertake = false,
): AlignedTransfers {
  const [left, unsorted] = [inOrder(prepare(kernel)), prepare(ours)]
  const right = mayOvertake ? inOrder(unsorted) : unsorted
  const rightCuts = cutsOf(right)
  const common = new Set([...cutsOf(left)].filter((cut) => rightCuts.has(cut)))
  const groups = [groupData(left, common), groupData(right, common)] as const
  const aligned = { kernel: [] as TextFrame[], ours: [] as TextFrame[] }
  let sameSegments = 0
  let otherBytes = 0
  for (let at = 0; at < Math.max(groups[0].length, groups[1].length); at++) {
    const [theirs, own] = [groups[0][at] ?? [], groups[1][at] ?? []]
    const isWhole = theirs.length > 1 || own.length > 1
    if (isWhole) otherBytes += theirs.reduce((sum, frame) => sum + (rangeOf(frame)?.length ?? 0), 0)
    else if (theirs.length === 1 && rangeOf(theirs[0]!) !== null) sameSegments++
    const isNameless = isWhole || [...theirs, ...own].some(isSplitFin)
    const merge = (group: readonly TextFrame[]) =>
      group.length === 0 ? [] : [stretchOf(group, isNameless)]
    aligned.kernel.push(...merge(theirs))
    aligned.ours.push(...merge(own))
  }
  return { ...aligned, sameSegments, otherBytes }
}

/** Data by sequence: with two CPUs the kernel's frames overtake each other on the way. */
function inOrder(frames: readonly TextFrame[]): TextFrame[] {
  const data = frames.filter((frame) => rangeOf(frame) !== null)
  const sorted = data.sort((a, b) => rangeOf(a)!.from - rangeOf(b)!.from)
  let next = 0
  return frames.map((frame) => (rangeOf(frame) === null ? frame : sorted[next++]!))
}

function prepare(frames: readonly TextFrame[]): TextFrame[] {
  return tellTimestamps(frames).flatMap(splitFin)
}

function tcpOf({ layers }: TextFrame): ReadonlyMap<string, string> | null {
  return layers.find(({ protocol }) => protocol === 'tcp')?.fields ?? null
}

function withTcp(frame: TextFrame, fields: ReadonlyMap<string, string>): TextFrame {
  const layers = frame.layers.map((layer) =>
    layer.protocol === 'tcp' ? { protocol: 'tcp', fields } : layer,
  )
  return { ...frame, layers }
}

interface Range {
  readonly from: number
  readonly length: number
}

/** What a frame carries; null when it carries no data. */
function rangeOf(frame: TextFrame): Range | null {
  const tcp = tcpOf(frame)
  const length = Number(tcp?.get('len') ?? 0)
  return tcp === null || length === 0 ? null : { from: Number(tcp.get('seq')), length }
}

function cutsOf(frames: readonly TextFrame[]): Set<number> {
  const ranges = frames.map(rangeOf).filter((range) => range !== null)
  return new Set(ranges.flatMap(({ from, length }) => [from, from + length]))
}

/**
 * Puts `clock` for a timestamp that is the sender's clock of milliseconds, and `echo` for one that the
 * other side can have sent by then: how many milliseconds passed is no matter of TCP.
 */
function tellTimestamps(frames: readonly TextFrame[]): TextFrame[] {
  const firsts = new Map<string, number>()
  return frames.map((frame) => {
    const tcp = tcpOf(frame)
    if (tcp === null) return frame
    const since = (port: string) => 1000 * (frame.time - (firsts.get(port) ?? frame.time))
    const [own, other] = [tcp.get('sport')!, tcp.get('dport')!]
    if (!firsts.has(own)) firsts.set(own, frame.time)
    const told = new Map(tcp)
    if (Math.abs(Number(tcp.get('tsval')) - since(own)) <= 1.5) told.set('tsval', 'clock')
    const echo = Number(tcp.get('tsecr'))
    const isEcho = firsts.has(other) && echo >= 0 && echo <= since(other) + 1.5
    if (isEcho) told.set('tsecr', 'echo')
    return withTcp(frame, told)
  })
}

/** A segment with data and FIN as two: the data, and a FIN without. */
function splitFin(frame: TextFrame): TextFrame[] {
  const tcp = tcpOf(frame)
  const range = rangeOf(frame)
  if (tcp === null || range === null || !tcp.get('flags')!.includes('F')) return [frame]
  const data = new Map(tcp).set('flags', tcp.get('flags')!.replace('F', ''))
  const fin = new Map(tcp).set('seq', String(range.from + range.length)).set('len', '0')
  const shorter = frame.layers.map(({ protocol, fields }) => {
    const changed = new Map(fields)
    const length = fields.get('len')
    if (length !== undefined) changed.set('len', String(Number(length) - range.length))
    if (fields.has('id')) changed.set('id', NAMELESS)
    return { protocol, fields: changed }
  })
  const last = { ...frame, length: frame.length - range.length, layers: shorter }
  return [withTcp(frame, data), withTcp(last, fin)]
}

/** For the identification of a frame that the other system has no counterpart of. */
const NAMELESS = 'any'

function isSplitFin({ layers }: TextFrame): boolean {
  return layers.some(({ fields }) => fields.get('id') === NAMELESS)
}

/** Every frame without data by itself; data in stretches that end where both cut it. */
function groupData(frames: readonly TextFrame[], cuts: ReadonlySet<number>): TextFrame[][] {
  const groups: TextFrame[][] = []
  let open = -1
  for (const frame of frames) {
    const range = rangeOf(frame)
    if (range !== null && range.from === open) groups[groups.length - 1]!.push(frame)
    else groups.push([frame])
    open = range === null || cuts.has(range.from + range.length) ? -1 : range.from + range.length
  }
  return groups
}

/** One frame for several in a row: the longest one's lengths, the whole range. */
function stretchOf(group: readonly TextFrame[], isNameless: boolean): TextFrame {
  const [first] = group
  const layers = first!.layers.map(({ protocol, fields }, at): Layer => {
    const values = (name: string) => group.map((frame) => frame.layers[at]?.fields.get(name) ?? '')
    const merged = [...fields.keys()].map((name): [string, string] => {
      const value = mergeField(protocol, name, values(name))
      return [name, isNameless && name === 'id' ? NAMELESS : value]
    })
    return { protocol, fields: new Map(merged) }
  })
  return { ...first!, length: Math.max(...group.map(({ length }) => length)), layers }
}

function mergeField(protocol: string, name: string, values: readonly string[]): string {
  const numbers = values.map(Number)
  if (protocol === 'tcp' && name === 'seq') return values[0]!
  if (protocol === 'tcp' && name === 'len') return String(numbers.reduce((a, b) => a + b))
  if (name === 'len') return String(Math.max(...numbers))
  if (name === 'csum' && values.includes('unverified')) return 'unverified'
  return [...new Set(values)].join('|')
}
