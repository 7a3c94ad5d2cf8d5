/**
 * Segments as text, in packetdrill's manner: `P. 1:1001(1000) ack 1 win 500 <sack 1:1001>`. Sequence
 * numbers count from the sender's initial one, acknowledgements and SACK edges from the other's.
 */
import type { Frame } from '../../src/wire/frame.ts'
import { TCP_ACK, TCP_ECE, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '../../src/wire/tcp.ts'
import { TcpOptions } from '../../src/wire/tcp-options.ts'

/** A segment that the peer got, numbers relative as in `segment.ts`. */
export interface Segment {
  /** Milliseconds since the start. */
  readonly time: number
  readonly flags: number
  readonly sequence: number
  readonly length: number
  readonly acknowledgement: number
  /** As the header has it, not scaled. */
  readonly window: number
  /** The window in bytes. */
  readonly windowBytes: number
  readonly options: TcpOptions
  readonly frame: Frame
}

const FLAGS: readonly (readonly [string, number])[] = [
  ['F', TCP_FIN],
  ['S', TCP_SYN],
  ['R', TCP_RST],
  ['P', TCP_PSH],
  ['.', TCP_ACK],
  ['E', TCP_ECE],
]

/** What a text says of a segment; null where it says nothing. */
interface SegmentText {
  readonly flags: number
  readonly sequence: number
  readonly length: number
  readonly acknowledgement: number | null
  readonly window: number | null
  /** As written between the brackets. */
  readonly options: readonly string[] | null
}

const PATTERN = /^([FSRP.E]+) (\d+):(\d+)\((\d+)\)(?: ack (\d+))?(?: win (\d+))?(?: <(.*)>)?$/

export function parseSegment(text: string): SegmentText {
  const match = PATTERN.exec(text)
  if (match === null) throw new Error(`not a segment: ${text}`)
  const [, letters, from, to, bytes, ack, win, options] = match
  const sequence = Number(from)
  const length = Number(bytes)
  if (sequence + length !== Number(to)) throw new Error(`range and length differ: ${text}`)
  let flags = 0
  for (const [letter, bit] of FLAGS) if (letters!.includes(letter)) flags |= bit
  return {
    flags,
    sequence,
    length,
    acknowledgement: ack === undefined ? null : Number(ack),
    window: win === undefined ? null : Number(win),
    options: options === undefined ? null : options.split(',').filter((word) => word !== ''),
  }
}

function flagLetters(flags: number): string {
  return FLAGS.map(([letter, bit]) => ((flags & bit) === 0 ? '' : letter)).join('')
}

/**
 * Option values of the words between the brackets.
 * @param base what SACK edges count from.
 */
export function optionsOf(words: readonly string[], base: number): TcpOptions {
  const options = new TcpOptions()
  for (const word of words) {
    const [name, ...values] = word.trim().split(' ')
    switch (name) {
      case 'mss':
        options.mss = Number(values[0])
        break
      case 'wscale':
        options.windowScale = Number(values[0])
        break
      case 'sackOK':
        options.sackPermitted = true
        break
      case 'TS':
        options.hasTimestamps = true
        options.tsValue = Number(values[0] ?? 0) | 0
        options.tsEcho = Number(values[1] ?? 0) | 0
        break
      case 'sack':
        for (const block of values) {
          const [left, right] = block.split(':')
          const at = 2 * options.sackBlocks++
          options.sackEdges[at] = (Number(left) + base) | 0
          options.sackEdges[at + 1] = (Number(right) + base) | 0
        }
        break
      default:
        throw new Error(`not an option: ${word}`)
    }
  }
  return options
}

/** The words for option values, timestamps without their numbers. */
function optionWords(options: TcpOptions, base: number): string[] {
  const words: string[] = []
  if (options.mss !== 0) words.push(`mss ${options.mss}`)
  if (options.sackPermitted) words.push('sackOK')
  if (options.hasTimestamps) words.push('TS')
  if (options.windowScale >= 0) words.push(`wscale ${options.windowScale}`)
  if (options.sackBlocks > 0) {
    const edges = [...options.sackEdges.subarray(0, 2 * options.sackBlocks)]
    const relative = edges.map((edge) => (edge - base) | 0)
    const blocks = relative.flatMap((left, i) =>
      i % 2 === 0 ? [`${left}:${relative[i + 1]}`] : [],
    )
    words.push(`sack ${blocks.join(' ')}`)
  }
  return words
}

/** All of a segment. @param base what SACK edges count from. */
export function textOf(segment: Segment, base: number): string {
  const { flags, window, options } = segment
  const ack = (flags & TCP_ACK) === 0 ? '' : ` ack ${segment.acknowledgement}`
  const words = optionWords(options, base).join(',')
  return `${flagLetters(flags)} ${rangeOf(segment)}${ack} win ${window} <${words}>`
}

/**
 * What a text says and the same of a segment, for comparing. What the text leaves out is left out of
 * both; PSH is looked at only where the text has it.
 */
export function compared(
  text: string,
  segment: Segment,
  base: number,
): { said: string; got: string } {
  const wanted = parseSegment(text)
  const ignored = (wanted.flags & TCP_PSH) === 0 ? TCP_PSH : 0
  const parts = [flagLetters(segment.flags & ~ignored), rangeOf(segment)]
  if (wanted.acknowledgement !== null) parts.push(`ack ${segment.acknowledgement}`)
  if (wanted.window !== null) parts.push(`win ${segment.window}`)
  if (wanted.options !== null) parts.push(`<${optionWords(segment.options, base).join(',')}>`)
  return { said: text, got: parts.join(' ') }
}

function rangeOf({ sequence, length }: Segment): string {
  return `${sequence}:${sequence + length}(${length})`
}
