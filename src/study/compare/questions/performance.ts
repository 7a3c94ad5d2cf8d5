import type { RunResult, WorkloadRow } from '../../result.ts'
import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Question } from '../question.ts'
import { firstPacket } from './performance-first-packet.ts'

const SECTION = 'performance'

/** Payload of a packet up to which a stream is about packets, not about bytes. */
const SMALL_BYTES = 128

/** The traffic of the file, with the costs of its hosts; and how soon a container talks. */
export const speed: Question = {
  name: 'performance',
  sections: ['performance'],
  ask(asked: Case): Cell[] {
    const { key, result } = asked.run('traffic of the file', { faults: null })
    return [...workloadCells(key, result), ...firstPacket(asked)]
  },
}

function workloadCells(scenario: string, { workloads, simulated }: RunResult): Cell[] {
  return workloads.flatMap((row) => {
    const { name, window } = row
    const evidence = { scenario, probe: `workload ${name}`, instant: window.end || simulated }
    return measuresOf(row).map(({ what, value, text }) => ({
      section: SECTION,
      row: `${name}${what === '' ? '' : `, ${what}`}`,
      value,
      text,
      evidence,
    }))
  })
}

interface Measured {
  readonly what: string
  readonly value: number | string | null
  readonly text: string
}

/** What is asked of a workload depends on its kind. */
function measuresOf(row: WorkloadRow): Measured[] {
  const { cpu, limitedBy } = row
  const perGoodput = cpu?.perGoodput ?? null
  const cost = { what: 'cores for 10 Gb/s', value: perGoodput, text: shown(perGoodput, 1, '') }
  const perPacket = cpu?.perPacket ?? null
  const packetCost = { what: 'CPU a packet', value: perPacket, text: shown(perPacket, 1e-6, ' us') }
  const limit = limitedBy ?? null
  const limited: Measured = {
    what: 'limited by',
    value: limit?.kind ?? null,
    text: limit?.kind ?? '-',
  }
  if (row.kind === 'tcp') return [goodputOf(row), cost, limited]
  if (row.kind === 'udp') {
    return isSmall(row) ? [packetsOf(row), packetCost, limited] : [goodputOf(row), cost, limited]
  }
  return [...transactionsOf(row), ...roundTripOf(row)]
}

function goodputOf({ goodput = 0 }: WorkloadRow): Measured {
  return { what: '', value: goodput, text: shown(goodput, 1e-9, ' Gb/s') }
}

function packetsOf({ packetsPerSecond = 0 }: WorkloadRow): Measured {
  return { what: '', value: packetsPerSecond, text: shown(packetsPerSecond, 1e-3, ' kpps') }
}

function transactionsOf({ transactionsPerSecond: rate }: WorkloadRow): Measured[] {
  return rate === undefined ? [] : [{ what: '', value: rate, text: shown(rate, 1, ' /s') }]
}

function roundTripOf({ rtt, latency }: WorkloadRow): Measured[] {
  const times = rtt ?? latency ?? null
  const median = times !== null && 'p50' in times ? Number(times.p50) : null
  return [{ what: 'median', value: median, text: shown(median, 1e-6, ' us') }]
}

function isSmall({ goodput = 0, packetsPerSecond = 0 }: WorkloadRow): boolean {
  return packetsPerSecond === 0 || goodput / 8 / packetsPerSecond <= SMALL_BYTES
}

/** Three digits; `-` where nothing was measured. */
function shown(value: number | null, scale: number, unit: string): string {
  return value === null ? '-' : `${Number((value * scale).toPrecision(3))}${unit}`
}
