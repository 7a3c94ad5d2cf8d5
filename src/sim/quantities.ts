/**
 * Quantities as people write them, `10Gbps` or `1.5ms`, as numbers in the units of the model. Units
 * are always written, but for a size in bytes and for zero, which is the same in every unit.
 */

export type QuantityKind = 'rate' | 'duration' | 'size' | 'packetRate' | 'fraction'

export type Quantity =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly message: string; readonly remedy: string }

/** A unit is `factor * 10^exponent`; the power is applied to the digits, so that 0.1us is exact. */
interface Unit {
  readonly exponent: number
  readonly factor: number
}

export interface QuantityInfo {
  /** With its article, for messages. */
  readonly noun: string
  readonly units: ReadonlyMap<string, Unit>
  readonly examples: readonly string[]
  /** Whether a number without a unit is taken as it stands. */
  readonly bare: boolean
  /** Whether the value must come out whole. */
  readonly whole: boolean
  readonly most: number
}

const power = (exponent: number, factor = 1): Unit => ({ exponent, factor })

/** A week. From 2.5 hours on a float64 no longer holds every picosecond, which timers bear. */
const DURATION_MAX = 7 * 24 * 3600e12

export const QUANTITIES: Readonly<Record<QuantityKind, QuantityInfo>> = {
  rate: {
    noun: 'a rate',
    units: new Map([
      ['bps', power(0)],
      ['kbps', power(3)],
      ['Mbps', power(6)],
      ['Gbps', power(9)],
      ['Tbps', power(12)],
    ]),
    examples: ['10Gbps', '100Mbps'],
    bare: false,
    whole: true,
    most: 100e12,
  },
  duration: {
    noun: 'a duration',
    units: new Map([
      ['ps', power(0)],
      ['ns', power(3)],
      ['us', power(6)],
      ['µs', power(6)],
      ['ms', power(9)],
      ['s', power(12)],
      ['min', power(12, 60)],
      ['h', power(12, 3600)],
    ]),
    examples: ['5us', '300s', '1.5ms'],
    bare: false,
    whole: true,
    most: DURATION_MAX,
  },
  size: {
    noun: 'a size',
    units: new Map([
      ['B', power(0)],
      ['kB', power(3)],
      ['MB', power(6)],
      ['GB', power(9)],
      ['KiB', power(0, 1024)],
      ['MiB', power(0, 1048576)],
      ['GiB', power(0, 1073741824)],
    ]),
    examples: ['1450B', '9000', '64KiB'],
    bare: true,
    whole: true,
    most: 1e12,
  },
  packetRate: {
    noun: 'a packet rate',
    units: new Map([
      ['pps', power(0)],
      ['kpps', power(3)],
      ['Mpps', power(6)],
    ]),
    examples: ['100kpps', '500pps'],
    bare: false,
    whole: false,
    most: 1e12,
  },
  fraction: {
    noun: 'a percentage',
    units: new Map([['%', power(-2)]]),
    examples: ['1%', '0.05%'],
    bare: false,
    whole: false,
    most: 1,
  },
}

const PATTERN = /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*([^\s0-9.]*)$/

/**
 * Parses `input`, text or a YAML number, to picoseconds, bits per second, bytes, packets per second
 * or a fraction of one. The message says what is wrong, the remedy gives examples of what is right.
 */
export function parseQuantity(kind: QuantityKind, input: unknown): Quantity {
  const info = QUANTITIES[kind]
  const wrong = (what: string, remedy?: string): Quantity => ({
    ok: false,
    message: `${shown(input)} ${what}`,
    remedy: remedy ?? `write it like ${info.examples.join(' or ')}`,
  })
  if (typeof input !== 'string' && typeof input !== 'number') return wrong(`is not ${info.noun}`)
  const match = PATTERN.exec(String(input).trim())
  if (match === null) return wrong(`is not ${info.noun}`)
  const [, digits = '', name = ''] = match
  const unit = name === '' ? unitlessOf(info, digits) : info.units.get(name)
  if (unit === undefined) {
    if (name === '') return wrong('has no unit', `write ${unitExamples(info, digits)}`)
    return wrong(
      `has the unit "${name}", which is not that of ${info.noun}`,
      remedyFor(info, digits, name),
    )
  }
  const value = Number(`${digits}e${unit.exponent}`) * unit.factor
  if (info.whole && !Number.isInteger(value)) {
    return wrong(
      `is not a whole number of ${kind === 'duration' ? 'picoseconds' : 'bytes or bits'}`,
    )
  }
  if (value > info.most) return wrong(`is more than the model takes`, `at most ${mostOf(kind)}`)
  return { ok: true, value }
}

function unitlessOf(info: QuantityInfo, digits: string): Unit | undefined {
  return info.bare || Number(digits) === 0 ? power(0) : undefined
}

function unitExamples(info: QuantityInfo, digits: string): string {
  const names = [...info.units.keys()].filter((name) => name !== 'µs')
  const middle = Math.max(0, Math.min(names.length - 2, 2))
  return names
    .slice(middle, middle + 2)
    .map((name) => `${digits}${name}`)
    .join(' or ')
}

/** The unit that was meant, when it differs by case or by spelling only. */
function remedyFor(info: QuantityInfo, digits: string, name: string): string {
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/^([kmgt]?)b(its?)?(s|ps|\/s)?$/, '$1bps')
      .replace(/sec(onds?)?$/, 's')
  const meant = [...info.units.keys()].find(
    (unit) => plain(unit) === plain(name) || plain(unit) === plain(`${name}b`),
  )
  if (meant !== undefined) return `did you mean ${digits}${meant}?`
  return `units: ${[...info.units.keys()].filter((unit) => unit !== 'µs').join(', ')}`
}

function mostOf(kind: QuantityKind): string {
  return {
    rate: '100Tbps',
    duration: '168h',
    size: '1000GB',
    packetRate: '1000000Mpps',
    fraction: '100%',
  }[kind]
}

function shown(input: unknown): string {
  if (typeof input === 'string') return `"${input.length > 40 ? `${input.slice(0, 40)}…` : input}"`
  if (typeof input === 'number' || typeof input === 'boolean') return String(input)
  if (input === null) return 'nothing'
  return Array.isArray(input) ? 'a list' : 'a mapping'
}
