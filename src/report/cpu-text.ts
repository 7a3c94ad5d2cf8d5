import type { MachineResult, RunResult, WorkloadRow } from '../study/result.ts'
import { type BarRow, barTable } from './bars.ts'
import { byGroup, CPU_GROUPS, type CpuGroup, groupsOf } from './cpu-groups.ts'
import { enumerate, formatCount, formatTime, plural } from './format.ts'
import { type Layout, paint, wrap } from './lines.ts'
import { isSmallPackets, type Load, loadsOf } from './loads.ts'

const MACHINES_SHOWN = 6

/**
 * Where CPU time went, variants side by side: of the first TCP load by the kilobyte, and of the first
 * load of small packets by the packet.
 */
export function cpuBars(
  runs: readonly RunResult[],
  subjects: readonly string[],
  layout: Layout,
): string[] {
  const loads = loadsOf(runs).filter(({ rows }) => rows.some((row) => Boolean(row?.cpu)))
  const isSmall = ({ rows }: Load) => rows.some((row) => row !== null && isSmallPackets(row))
  const chosen = [loads.find((load) => !isSmall(load)), loads.find(isSmall)]
  return chosen.flatMap((load) => (load === undefined ? [] : barsOf(load, subjects, layout)))
}

function barsOf(load: Load, subjects: readonly string[], layout: Layout): string[] {
  const isPackets = load.rows.some((row) => row !== null && isSmallPackets(row))
  const costs = load.rows.map((row) => (row === null ? null : costOf(row, isPackets)))
  const used = CPU_GROUPS.filter((group) => costs.some((each) => each?.has(group)))
  if (used.length === 0) return []
  const rows: BarRow[] = used.map((group) => ({
    name: group,
    values: costs.map((each) => (each === null ? null : (each.get(group) ?? 0))),
  }))
  const totals = costs.map((each) =>
    each === null ? '-' : format([...each.values()].reduce((sum, cost) => sum + cost, 0)),
  )
  const unit = isPackets ? 'a packet that arrived' : 'a kB that arrived'
  const title = `CPU time of ${load.title}: ns for ${unit}, both sides, all that ran there`
  const whole = subjects.map((name, i) => `${totals[i]!} with ${name}`)
  return [
    '',
    ...wrap(title, layout.columns),
    ...barTable(subjects, rows, format, layout),
    ...wrap(`Together: ${enumerate(whole)}.`, layout.columns),
  ]
}

/** Nanoseconds by group for a packet, or for 1000 bytes of payload. */
export function costOf(row: WorkloadRow, isPackets: boolean): ReadonlyMap<CpuGroup, number> | null {
  const { cpu } = row
  if (!cpu) return null
  const whole = isPackets ? cpu.perPacket : cpu.perByte
  if (whole === null || cpu.cores === 0) return null
  const nanoseconds = (whole * (isPackets ? 1 : 1000)) / 1000
  const costs = new Map<CpuGroup, number>()
  for (const [group, cores] of groupsOf(cpu)) costs.set(group, (cores / cpu.cores) * nanoseconds)
  return costs
}

function format(nanoseconds: number): string {
  if (nanoseconds === 0) return '0'
  return formatCount(Number(nanoseconds.toPrecision(3)))
}

/** Of one workload: cores of both sides, and the busiest of each. */
export function cpuText({ cpu, limitedBy }: WorkloadRow): string {
  // What does not try to go fast, such as ping, has next to nothing to tell.
  if (!cpu || !limitedBy) return ''
  const sideText = (name: string, { cores, busiest }: typeof cpu.senders) => {
    const most =
      busiest === null ? '' : `, core ${busiest.core} busy for ${formatBusy(busiest.share)}`
    return `${name} ${coresText(cores)}${most}`
  }
  const { isShared, senders, receivers } = cpu
  const sides = isShared
    ? [sideText('both sides', senders)]
    : [sideText('senders', senders), sideText('receivers', receivers)]
  return `CPU: ${sides.join('; ')}`
}

function coresText(cores: number): string {
  const text = String(Number(cores.toFixed(2)))
  return `${text} ${text === '1' ? 'core' : 'cores'}`
}

/** Machines with the time of their cores and what it went to, in the whole run. */
export function machineLines(
  machines: readonly MachineResult[],
  simulated: number,
  layout: Layout,
  verbose: boolean,
): string[] {
  const busy = ({ cores }: MachineResult) => cores.reduce((sum, core) => sum + core.busy, 0)
  const sorted = [...machines].sort((a, b) => busy(b) - busy(a)).filter((each) => busy(each) > 0)
  const shown = verbose ? sorted : sorted.slice(0, MACHINES_SHOWN)
  const rest = sorted.length - shown.length
  const lines = shown.flatMap((machine) => {
    const text = machineText(machine, simulated, verbose)
    return wrap(text, layout.columns, '  ', 4)
  })
  if (rest > 0) lines.push(`  and ${plural(rest, 'machine')} more with less to do`)
  return [...lines, ...bugLines(machines, layout)]
}

function machineText(machine: MachineResult, simulated: number, verbose: boolean): string {
  const { name, cores, stages } = machine
  const total = cores.reduce((sum, { busy }) => sum + busy, 0)
  const softirq = cores.reduce((sum, core) => sum + core.softirq, 0)
  const parts: [string, number][] = verbose ? Object.entries(stages) : [...byGroup(stages)]
  const told = parts
    .sort((a, b) => b[1] - a[1])
    .map(([what, spent]) => `${what} ${formatBusy(spent / total)}`)
  const text =
    `Machine ${name}: ${formatTime(total)} of CPU time in the whole run, ` +
    `${formatBusy(softirq / total)} in softirq; ${told.join(', ')}`
  if (!verbose || simulated === 0) return text
  const shares = cores.map(({ busy }, core) => `core ${core} ${formatBusy(busy / simulated)}`)
  return `${text}; ${shares.join(', ')}`
}

/** A share of time, to a tenth of a per cent. */
function formatBusy(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}

function bugLines(machines: readonly MachineResult[], layout: Layout): string[] {
  const complaints = machines.flatMap(({ name, balanced, unaccounted }) => [
    ...(balanced ? [] : [`The CPU account of ${name} does not add up, which is a bug of encap.`]),
    ...(unaccounted === 0
      ? []
      : [
          `On ${name} ${formatCount(unaccounted)} charges were made outside of any core, which is a ` +
            'bug of encap.',
        ]),
  ])
  return complaints
    .flatMap((text) => wrap(text, layout.columns, '  ', 4))
    .map((line) => paint(layout, 'red', line))
}
