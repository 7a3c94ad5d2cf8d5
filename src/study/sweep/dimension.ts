import { parseQuantity, QUANTITIES, type QuantityKind } from '../../sim/quantities.ts'
import type { Dimension, DimensionValue } from './result.ts'
import { SweepError } from './sweep-error.ts'

/** Of one dimension. */
const VALUES_MAX = 10_000
const AMOUNT = '([0-9]+(?:\\.[0-9]+)?)([A-Za-zµ%]*)'
const NUMBER = new RegExp(`^${AMOUNT}$`)
const RANGE = new RegExp(`^${AMOUNT}\\.\\.${AMOUNT}(?:([:*])${AMOUNT})?$`)
/** Digits that a geometric range keeps of values that are not whole. */
const GEOMETRIC_DIGITS = 6

interface Amount {
  readonly digits: string
  readonly unit: string
}

interface Range {
  readonly low: Amount
  readonly high: Amount
  /** Null: one in the last place of the bounds. */
  readonly step: Amount | null
  readonly isGeometric: boolean
}

/**
 * Parses an argument of `--vary`: `path=a,b,c`, `path=8..512:8`, `path=8..4096*2`, or a list of both.
 * Units are those of the scenario file; a bound or a step without a unit has that of the other bound.
 * Throws a SweepError.
 */
export function parseDimension(argument: string): Dimension {
  const equals = argument.indexOf('=')
  const path = argument.slice(0, Math.max(0, equals)).trim()
  const items = split(argument.slice(equals + 1))
  if (path === '' || items.some((item) => item === '')) {
    throw new SweepError(`--vary ${argument}: write path=a,b,c or path=8..512:8 or path=8..4096*2`)
  }
  const ranges = items.map((item) => rangeOf(item))
  const texts = items.flatMap((item, i) => {
    const range = ranges[i]!
    return range === null ? [item] : inRange(range, argument)
  })
  const repeated = texts.find((text, i) => texts.indexOf(text) < i)
  if (repeated !== undefined) throw new SweepError(`--vary ${argument}: ${repeated} stands twice`)
  const [range] = ranges
  const isList = items.length > 1 || range === null || range === undefined
  const spacing = isList ? 'list' : range.isGeometric ? 'geometric' : 'linear'
  return { path, spacing, ...numbered(texts) }
}

/** At commas outside of brackets and quotes. */
function split(text: string): string[] {
  const items = ['']
  let depth = 0
  let quote = ''
  for (const sign of text) {
    if (quote !== '') quote = sign === quote ? '' : quote
    else if (sign === '"' || sign === "'") quote = sign
    else if ('[{'.includes(sign)) depth++
    else if (']}'.includes(sign)) depth--
    if (sign === ',' && depth === 0 && quote === '') items.push('')
    else items[items.length - 1] += sign
  }
  return items.map((item) => item.trim())
}

function rangeOf(item: string): Range | null {
  const match = RANGE.exec(item.replaceAll(' ', ''))
  if (match === null) return null
  const [, low = '', lowUnit = '', high = '', highUnit = '', how, step, stepUnit = ''] = match
  const unit = lowUnit === '' ? highUnit : lowUnit
  const isGeometric = how === '*'
  return {
    low: { digits: low, unit },
    high: { digits: high, unit: highUnit === '' ? unit : highUnit },
    step:
      step === undefined
        ? null
        : { digits: step, unit: stepUnit === '' && !isGeometric ? unit : stepUnit },
    isGeometric,
  }
}

function inRange(range: Range, argument: string): string[] {
  const { low, high, step, isGeometric } = range
  const wrong = (what: string) => new SweepError(`--vary ${argument}: ${what}`)
  const amounts = step === null || isGeometric ? [low, high] : [low, high, step]
  const common = commonUnit(amounts)
  if (common === null) throw wrong('the units of the range do not fit together')
  const [first = 0, last = 0, by = 1] = common.numbers
  if (last < first) throw wrong('the range ends before it begins')
  const numbers = isGeometric
    ? geometric(first, last, Number(step!.digits), common.isWhole)
    : linear(first, last, by)
  if (numbers === null) {
    throw wrong(isGeometric ? 'the factor must be above 1, the bounds above 0' : 'the step is 0')
  }
  if (numbers.length > VALUES_MAX) throw wrong(`these are more than ${VALUES_MAX} values`)
  return numbers.map((number) => `${common.textOf(number)}`)
}

/** Whole steps of the last decimal place, so that 0.1..0.9 has no rounding in it. */
interface Common {
  readonly numbers: readonly number[]
  /** Whether only whole values make sense, of a geometric range. */
  readonly isWhole: boolean
  readonly textOf: (number: number) => string
}

function commonUnit(amounts: readonly Amount[]): Common | null {
  const [{ unit }] = amounts as [Amount]
  if (amounts.every((each) => each.unit === unit)) {
    const places = Math.max(...amounts.map(({ digits }) => decimalsOf(digits)))
    const numbers = amounts.map(({ digits }) => Number(`${digits}e${places}`))
    const isWhole = places === 0 && (unit === '' || unitSize(unit) === 1)
    return { numbers, isWhole, textOf: (number) => `${Number(`${number}e-${places}`)}${unit}` }
  }
  const kind = kindOf(unit)
  if (kind === null) return null
  const parsed = amounts.map(({ digits, unit: own }) => parseQuantity(kind, `${digits}${own}`))
  const numbers = parsed.flatMap((each) => (each.ok ? [each.value] : []))
  if (numbers.length < parsed.length) return null
  const [base] = QUANTITIES[kind].units.keys()
  const size = unitSize(unit)
  const textOf = (number: number) =>
    number % size === 0 ? `${number / size}${unit}` : `${number}${base}`
  return { numbers, isWhole: true, textOf }
}

function decimalsOf(digits: string): number {
  const point = digits.indexOf('.')
  return point < 0 ? 0 : digits.length - point - 1
}

function kindOf(unit: string): QuantityKind | null {
  for (const [kind, { units }] of Object.entries(QUANTITIES)) {
    if (units.has(unit)) return kind as QuantityKind
  }
  return null
}

/** In the unit of the model; 1 for one that is not known, which the loader will say. */
function unitSize(unit: string): number {
  const kind = kindOf(unit)
  const one = kind === null ? null : parseQuantity(kind, `1${unit}`)
  return one?.ok ? one.value : 1
}

/** Null when the step leads nowhere; one value too many stands for any number of them. */
function linear(first: number, last: number, step: number): number[] | null {
  if (step <= 0) return null
  const numbers: number[] = []
  for (let at = first; at <= last && numbers.length <= VALUES_MAX; at += step) numbers.push(at)
  return numbers
}

function geometric(first: number, last: number, factor: number, isWhole: boolean): number[] | null {
  if (factor <= 1 || first <= 0) return null
  const numbers: number[] = []
  for (let at = first; at <= last && numbers.length <= VALUES_MAX; at *= factor) {
    const value = isWhole ? Math.round(at) : Number(at.toPrecision(GEOMETRIC_DIGITS))
    if (value !== numbers.at(-1)) numbers.push(value)
  }
  return numbers
}

/** Values on an axis: in the unit of the first that has one, if all are numbers of one kind. */
function numbered(texts: readonly string[]): {
  readonly values: readonly DimensionValue[]
  readonly unit: string
} {
  const matches = texts.map((text) => NUMBER.exec(text))
  const unit = matches.find((match) => match?.[2])?.[2] ?? ''
  const numbers = matches.map((match) => numberIn(unit, match?.[1], match?.[2] ?? ''))
  const isAxis = !numbers.includes(null)
  const values = texts.map((text, i) => ({ text, number: isAxis ? numbers[i]! : null }))
  return { values, unit: isAxis ? unit : '' }
}

function numberIn(unit: string, digits: string | undefined, own: string): number | null {
  if (digits === undefined) return null
  const number = Number(digits)
  if (own === unit || number === 0) return number
  const kind = kindOf(unit)
  const parsed = kind === null ? null : parseQuantity(kind, `${digits}${own}`)
  return parsed?.ok ? parsed.value / unitSize(unit) : null
}
