import { cpus } from 'node:os'
import Table from 'cli-table3'
import type { Measurement } from './measure.ts'

export function machineLine(): string {
  const processors = cpus()
  return `${processors.length} x ${processors[0]?.model.trim()}, Node ${process.version}`
}

/** Units that a measurement counts: packet-hops, or events where nothing is sent. */
function unitsOf({ unit, outcome }: Measurement): number {
  return unit === 'packet-hop' ? outcome.hops : outcome.events
}

function bestOf({ seconds }: Measurement): number {
  return seconds.reduce((least, each) => Math.min(least, each), Infinity)
}

function medianOf({ seconds }: Measurement): number {
  const sorted = [...seconds].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const HEAD = [
  'benchmark',
  'ns/unit best',
  'median',
  'of CPU',
  'M units/s best',
  'median',
  'M events/s',
  'ns-3 M/s',
  'times ns-3',
  'wanted',
  'peak MiB',
]

/**
 * Best and median over the repeats; units are packet-hops, of EQ events. The least CPU time, of all
 * threads, shows what a busy machine added to the best.
 */
export function tableOf(measurements: readonly Measurement[]): string {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } })
  for (const measurement of measurements) table.push(rowOf(measurement))
  return table.toString()
}

function rowOf(measurement: Measurement): string[] {
  const { name, outcome, peer, peakMiB, seconds } = measurement
  if (seconds.length === 0) return [name, 'does not count']
  const units = unitsOf(measurement)
  const [best, median] = [bestOf(measurement), medianOf(measurement)]
  return [
    name,
    ((best / units) * 1e9).toFixed(1),
    ((median / units) * 1e9).toFixed(1),
    ((Math.min(...measurement.cpuSeconds) / units) * 1e9).toFixed(1),
    (units / best / 1e6).toFixed(2),
    (units / median / 1e6).toFixed(2),
    (outcome.events / best / 1e6).toFixed(2),
    peer === null ? '' : (peer.rate / 1e6).toFixed(3),
    peer === null ? '' : (units / best / peer.rate).toFixed(1),
    peer?.factor ? `${peer.factor.toFixed(0)}` : '',
    peakMiB.toFixed(0),
  ]
}

/** What is to be said of one benchmark below the table. */
export function verdictOf(measurement: Measurement): string[] {
  const { name, title, outcome, peer } = measurement
  const lines = [`${name}: ${title}`]
  for (const fault of outcome.faults) lines.push(`${name} DOES NOT COUNT: ${fault}`)
  for (const { name: figure, value, most } of outcome.figures ?? []) {
    const verdict = value > most ? `, above the ${most} wanted` : ` (at most ${most} wanted)`
    lines.push(`${name}: ${value.toFixed(2)} ${figure}${verdict}`)
  }
  lines.push(...deliveryOf(measurement))
  if (peer?.factor && outcome.faults.length === 0) {
    const reached = unitsOf(measurement) / bestOf(measurement) / peer.rate
    if (reached < peer.factor) {
      lines.push(`${name}: ${reached.toFixed(1)} times ns-3 is below the ${peer.factor} wanted`)
    }
  }
  return lines
}

function deliveryOf(measurement: Measurement): string[] {
  const { name, delivery, outcome, cpuSeconds } = measurement
  if (!delivery || outcome.faults.length > 0) return []
  const rate = outcome.delivered / bestOf(measurement)
  const perCpu = outcome.delivered / Math.min(...cpuSeconds)
  const verdict = rate < delivery.least ? 'below' : 'at least'
  return [
    `${name}: ${rate.toFixed(0)} ${delivery.noun} a second, ${perCpu.toFixed(0)} a second of CPU ` +
      `(${verdict} the ${delivery.least} wanted)`,
  ]
}
