import { encodePacket } from '../../wire/encode.ts'
import { type Frame, PROTOCOL_UDP } from '../../wire/frame.ts'
import { IptablesError } from './words.ts'

type Operator = '&' | '<<' | '>>' | '@'

interface Operation {
  readonly operator: Operator
  readonly operand: number
}

/** `START [OPERATOR NUMBER]... = RANGE[,RANGE]...` of the u32 match. Numbers are unsigned. */
export interface U32Test {
  readonly start: number
  readonly operations: readonly Operation[]
  readonly ranges: readonly (readonly [first: number, last: number])[]
}

/** Reads what `--u32` takes. Throws IptablesError. */
export function parseU32(word: string): readonly U32Test[] {
  return word
    .replace(/\s+/g, '')
    .split('&&')
    .map((test) => parseTest(test, word))
}

const NUMBER = '0x[0-9a-f]+|\\d+'
const TEST = new RegExp(`^(${NUMBER})((?:(?:&|<<|>>|@)(?:${NUMBER}))*)=(.+)$`, 'i')
const RANGE = new RegExp(`^(${NUMBER})(?::(${NUMBER}))?$`, 'i')

function parseTest(test: string, word: string): U32Test {
  const [, start, operations = '', ranges = ''] = TEST.exec(test) ?? []
  if (start === undefined) throw new IptablesError(`"${test}" is no test of u32`, word)
  const each = new RegExp(`(&|<<|>>|@)(${NUMBER})`, 'gi')
  return {
    start: Number(start),
    operations: [...operations.matchAll(each)].map(([, operator, operand]) => ({
      operator: operator as Operator,
      operand: Number(operand),
    })),
    ranges: ranges.split(',').map((range) => parseRange(range, word)),
  }
}

function parseRange(range: string, word: string): readonly [number, number] {
  const [, first, last = first] = RANGE.exec(range) ?? []
  if (first === undefined) throw new IptablesError(`"${range}" is no range of u32`, word)
  return [Number(first), Number(last)]
}

const hex = (value: number) => `0x${(value >>> 0).toString(16)}`

/** As iptables-save prints it. */
export function u32Text(tests: readonly U32Test[]): string {
  const texts = tests.map(({ start, operations, ranges }) => {
    const steps = operations.map(({ operator, operand }) => `${operator}${hex(operand)}`)
    const values = ranges.map(([first, last]) =>
      first === last ? hex(first) : `${hex(first)}:${hex(last)}`,
    )
    return `${hex(start)}${steps.join('')}=${values.join(',')}`
  })
  return texts.join('&&')
}

/** Whether a packet fits all tests (u32_match_it). Positions count from its IP header. */
export function fitsU32(tests: readonly U32Test[], frame: Frame): boolean {
  const packet = new Words(frame)
  return tests.every((test) => fitsTest(test, packet))
}

/** `@` makes what was read so far a position, and reads anew from there. */
function fitsTest({ start, operations, ranges }: U32Test, packet: Words): boolean {
  let base = 0
  let value = packet.at(start)
  for (const { operator, operand } of operations) {
    if (value === null) return false
    switch (operator) {
      case '&':
        value = (value & operand) >>> 0
        break
      case '<<':
        value = (value << operand) >>> 0
        break
      case '>>':
        value >>>= operand
        break
      case '@':
        base += value
        value = packet.at(base + operand)
    }
  }
  if (value === null) return false
  const found = value
  return ranges.some(([first, last]) => found >= first && found <= last)
}

/** Where the VNI of VXLAN stands: behind IPv4, UDP and the flags. */
const VNI_AT = 32

/** A packet by 32-bit words. Its bytes are made only for those that its fields do not tell. */
class Words {
  private readonly frame: Frame
  private bytes: DataView | null = null

  constructor(frame: Frame) {
    this.frame = frame
  }

  /** @returns null beyond the end. */
  at(position: number): number | null {
    const { frame } = this
    if (position === 0) return ((0x45 << 24) | (frame.tos << 16) | (frame.l3Length & 0xffff)) >>> 0
    const isVxlan = frame.protocol === PROTOCOL_UDP && frame.inner !== null && !frame.bareInner
    if (position === VNI_AT && isVxlan && !frame.isFragment) return (frame.vni << 8) >>> 0
    this.bytes ??= viewOf(frame)
    return position + 4 > this.bytes.byteLength ? null : this.bytes.getUint32(position)
  }
}

function viewOf(frame: Frame): DataView {
  const bytes = encodePacket(frame)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
