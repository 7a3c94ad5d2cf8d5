import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Refusal } from '../case.ts'
import type { Cell } from '../cell.ts'
import { type Failure, type Fate, type Findings, HEALING_MAX } from './failures-trial.ts'

const SECTION = 'failures'

/** The last answer before the end came so long before it at most. */
const LATE = 500 * MILLISECOND

/** Three rows of one failure: what goes on, what breaks, what heals when. */
export function failureCells(failure: Failure, findings: Findings): Cell[] {
  const { trial, fates } = findings
  const broken = fates.filter(({ silence }) => silence !== null)
  const whole = fates.filter(({ silence }) => silence === null)
  const probe = 'datagrams every 200 ms, each answered, from before the failure on'
  const cell = (what: string, value: Cell['value'], text: string) =>
    trial.cell(SECTION, `${failure.name}: ${what}`, value, text, probe)
  return [
    cell('goes on', namesOf(whole), broken.length === 0 ? 'all' : namesOf(whole)),
    breaking(findings, broken, cell),
    healing(findings, broken, cell),
  ]
}

function namesOf(fates: readonly Fate[]): string {
  return fates.map(({ stream }) => stream).join(', ') || 'nothing'
}

/** Some break only when the failure is over, such as by the start of a daemon. */
function breaking(
  { times: { start, end } }: Findings,
  broken: readonly Fate[],
  cell: (what: string, value: Cell['value'], text: string) => Cell,
): Cell {
  const isLate = ({ silence }: Fate) => end > start && silence!.from > end - LATE
  const late = broken.filter(isLate)
  const first = broken.filter((fate) => !isLate(fate))
  const words = [first.length > 0 || late.length === 0 ? namesOf(first) : '']
  if (late.length > 0) words.push(`at its end: ${namesOf(late)}`)
  const text = words.filter((word) => word !== '').join('; ')
  return cell('breaks', text, text)
}

/** The last of those that broke says when it is over. */
function healing(
  { times, remedy }: Findings,
  broken: readonly Fate[],
  cell: (what: string, value: Cell['value'], text: string) => Cell,
): Cell {
  if (broken.length === 0) return cell('heals', '-', '-')
  const open = broken.filter(({ silence }) => silence!.to === null)
  if (open.length > 0) {
    const patience = `not in ${HEALING_MAX / SECOND} s`
    const text = remedy === null ? patience : `${patience}; ${remedy}`
    return cell('heals', text, text)
  }
  const last = Math.max(...broken.map(({ silence }) => silence!.to!))
  const { start, end } = times
  const isInTime = last <= end || end === start
  const time = (isInTime ? last - start : last - end) / SECOND
  const text = `${time.toFixed(1)} s ${isInTime ? 'after its start' : 'after its end'}`
  return cell('heals', Number(time.toFixed(1)), text)
}

/** What the check of the scenario says to it. */
export function notPossible(failure: Failure, { key, message }: Refusal): Cell {
  const evidence = { scenario: key, probe: 'the check of the scenario', instant: 0 }
  const row = `${failure.name}: not possible`
  return { section: SECTION, row, value: message, text: message, evidence }
}
