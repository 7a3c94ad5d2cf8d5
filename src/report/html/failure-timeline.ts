import type { FaultAction, FaultModel, HostFault } from '../../scenario/model.ts'
import type { RunResult } from '../../study/result.ts'
import type { Timeline, TimelineRow, TimelineSpan } from '../charts/chart.ts'
import { enumerate, formatTime } from '../format.ts'
import type { Group } from './run-charts.ts'
import type { Told } from './time-charts.ts'

/** Faults, the longest outage of each workload, and who led the store: what broke when, and healed. */
export function failureTimeline(group: Group, told: readonly Told[]): Timeline | null {
  const { prefix, runs, names } = group
  const end = runs.reduce((most, { simulated }) => Math.max(most, simulated), 0)
  const rows = [
    ...faultRows(group, told, end),
    ...runs.flatMap((run, i) => outageRows(run, runs.length > 1 ? `${names[i]}: ` : '')),
    ...runs.flatMap((run, i) => leaderRows(run, runs.length > 1 ? `${names[i]}: ` : '')),
  ]
  const isWorth = rows.some(({ spans }) => spans.some(({ kind }) => kind !== 'leader'))
  if (!isWorth) return null
  return {
    kind: 'timeline',
    name: `${prefix}failures`,
    title: 'Faults and outages',
    notes: [
      'Yellow: a fault, as the scenario has it. Red: the longest time in which nothing that a workload ' +
        'sent arrived, or no operation succeeded. Blue: a member led the store.',
    ],
    end,
    rows,
  }
}

/** What befalls several runs alike has one row. */
function faultRows({ names }: Group, told: readonly Told[], end: number): TimelineRow[] {
  const rows = new Map<string, { fault: FaultModel; of: string[] }>()
  for (const [i, { scenario }] of told.entries()) {
    for (const fault of scenario.faults) {
      const key = JSON.stringify([fault.name, fault.at, fault.until, faultText(fault)])
      const row = rows.get(key)
      if (row === undefined) rows.set(key, { fault, of: [names[i]!] })
      else row.of.push(names[i]!)
    }
  }
  return [...rows.values()].map(({ fault, of }) => {
    const { at, until, name } = fault
    const whose = of.length === told.length ? '' : `${enumerate(of)}: `
    const to = Math.min(end, until ?? end)
    const span: TimelineSpan = { from: at, to, kind: 'fault', text: faultText(fault) }
    return { name: `${whose}${name}`, spans: at > end ? [] : [span] }
  })
}

function faultText({ actions, hostFaults, on }: FaultModel): string {
  const links = on.map(({ link }) => link)
  const where = links.length > 2 ? `${links.length} links` : links.join(', ')
  const what = actions.map(actionText)
  return [
    ...(what.length > 0 ? [`${what.join(', ')}: ${where}`] : []),
    ...hostFaults.map(hostText),
  ].join('; ')
}

function actionText(action: FaultAction): string {
  switch (action.kind) {
    case 'block-udp-port':
      return `UDP port ${action.port} blocked`
    case 'block-protocol':
      return `IP protocol ${action.protocol} blocked`
    case 'max-packet':
      return `packets over ${action.bytes} B lost`
    case 'filter-icmp':
      return 'ICMP blocked'
    default:
      return action.kind
  }
}

function hostText(fault: HostFault): string {
  switch (fault.kind) {
    case 'stop':
    case 'crash':
    case 'restart': {
      const { program } = fault
      const name =
        program.kind === 'daemon' ? `${program.network} on ${program.host}` : program.name
      return `${fault.kind} ${program.kind} ${name}`
    }
    case 'leave':
      return `${fault.host} leaves ${fault.network ?? 'all networks'}`
    case 'remove-network':
      return `${fault.network} removed at ${fault.host}`
    case 'move':
      return `${fault.container} moves to ${fault.to}`
    case 'flush-rules':
      return `iptables flushed on ${fault.host}`
    case 'lose-disk':
    case 'restore-disk':
    case 'slow-disk':
      return `${fault.kind.replace('-', ' ')} of ${fault.member}`
    case 'partition':
      return `partition: ${fault.from.join(', ')} from ${fault.to.join(', ')}`
    case 'clock-step':
      return `clock of ${fault.host} stepped`
  }
}

function outageRows({ workloads, simulated }: RunResult, whose: string): TimelineRow[] {
  return workloads.flatMap(({ name, outage, lost }) => {
    // A single loss is no outage.
    if (!outage || (lost ?? 0) < 2) return []
    const to = outage.to ?? simulated
    const length = formatTime(to - outage.from)
    const text = outage.to === null ? `${length}, not over at the end` : length
    return [{ name: `${whose}${name}`, spans: [{ from: outage.from, to, kind: 'outage', text }] }]
  })
}

function leaderRows({ store, simulated }: RunResult, whose: string): TimelineRow[] {
  if (store === null || store.reigns.length === 0) return []
  const leaders = [...new Set(store.reigns.map(({ leader }) => leader))]
  return leaders.map((leader) => ({
    name: `${whose}${leader} leads`,
    spans: store.reigns
      .filter((reign) => reign.leader === leader)
      .map(({ from, until }) => ({ from, to: until ?? simulated, kind: 'leader', text: '' })),
  }))
}
