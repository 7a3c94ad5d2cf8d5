import { parseQuantity, type QuantityKind } from '../../sim/quantities.ts'
import { type MetricUnit, metricInfo } from './metrics.ts'
import type { Condition } from './result.ts'
import { SweepError } from './sweep-error.ts'

const PATTERN = /^\s*([^\s<>=]+)\s*(>=|<=|>|<)\s*(\S.*?)\s*$/

const KINDS: Partial<Record<MetricUnit, QuantityKind>> = {
  'bits/s': 'rate',
  'packets/s': 'packetRate',
  ps: 'duration',
  share: 'fraction',
  bytes: 'size',
}

/** Parses an argument of `--find`, such as `flooded > 1%` or `rtt.p99 >= 5ms`. Throws a SweepError. */
export function parseCondition(text: string): Condition {
  const match = PATTERN.exec(text)
  if (match === null) {
    throw new SweepError(`--find ${text}: write it like "flooded > 1%" or "goodput < 9Gbps"`)
  }
  const [, metric = '', operator = '', value = ''] = match
  const info = metricInfo(metric)
  return {
    metric,
    operator: operator as Condition['operator'],
    value: parsedValue(text, value, info.unit),
    text: text.trim(),
  }
}

function parsedValue(text: string, value: string, unit: MetricUnit): number {
  const kind = KINDS[unit]
  if (kind === undefined) {
    if (/^[0-9]+(\.[0-9]+)?$/.test(value)) return Number(value)
    throw new SweepError(`--find ${text}: "${value}" is not a number`)
  }
  const parsed = parseQuantity(kind, value)
  if (parsed.ok) return parsed.value
  throw new SweepError(`--find ${text}: ${parsed.message}; ${parsed.remedy}`)
}

export function holds({ operator, value }: Condition, measured: number): boolean {
  switch (operator) {
    case '>':
      return measured > value
    case '>=':
      return measured >= value
    case '<':
      return measured < value
    case '<=':
      return measured <= value
  }
}
