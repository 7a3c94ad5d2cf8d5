import type { RunResult } from '../study/result.ts'
import { bgpLines } from './bgp-text.ts'
import { conclusions } from './conclusions.ts'
import { cpuBars, machineLines } from './cpu-text.ts'
import { floodLines, limitLines } from './flood-text.ts'
import { enumerate, formatTime, plural } from './format.ts'
import { type Layout, paint, wrap } from './lines.ts'
import { metricsOf } from './metrics.ts'
import {
  dropLines,
  expectationLines,
  layerLines,
  ledgerLines,
  linkLines,
  networkLines,
  switchLines,
} from './network-text.ts'
import { storeLines } from './store-text.ts'
import { comparisonTable } from './table.ts'
import { workloadLines } from './workload-text.ts'

export interface ReportOptions extends Layout {
  /** Every counter, instead of the ones that matter most. */
  readonly verbose: boolean
}

/**
 * What runs measured, for a reader at a terminal: the variants of a file side by side, what follows
 * from them, then each run by itself. Panels and files stand one below the other.
 */
export function reportRuns(runs: readonly RunResult[], options: ReportOptions): string {
  return byPanel(runs)
    .map((group) => scenarioLines(group, options).join('\n'))
    .join('\n\n\n')
}

export function byPanel(runs: readonly RunResult[]): RunResult[][] {
  const groups: RunResult[][] = []
  for (const run of runs) {
    const { scenario, panel } = run
    const group = groups.find(([first]) => first?.scenario === scenario && first.panel === panel)
    if (group === undefined) groups.push([run])
    else group.push(run)
  }
  return groups
}

function scenarioLines(runs: readonly RunResult[], options: ReportOptions): string[] {
  const names = namesOf(runs)
  const table = comparisonTable('', names, metricsOf(runs, names), options)
  const sentences = [...conclusions(runs, names), ...circumstances(runs, names)]
  const lines = [
    ...headingLines(runs, options),
    '',
    ...table,
    '',
    ...sentences.flatMap((sentence) => wrap(sentence, options.columns)),
    ...failureLines(runs, names, options),
    ...cpuBars(runs, names, options),
  ]
  for (const [i, run] of runs.entries()) lines.push('', ...runLines(run, names[i]!, options))
  return lines
}

/** By the file's variants; a run without one goes by its networks. */
export function namesOf(runs: readonly RunResult[]): readonly string[] {
  return runs.map((run) => {
    if (run.variant !== null) return run.variant
    const variants = [...new Set(run.networks.map(({ variant }) => variant))]
    return variants.length === 0 ? run.scenario : variants.join(', ')
  })
}

function headingLines(runs: readonly RunResult[], options: ReportOptions): string[] {
  const [first] = runs
  if (first === undefined) return []
  const { scenario, panel, why, source, seed, version } = first
  const length = formatTime(runs.reduce((most, run) => Math.max(most, run.duration), 0))
  const many = runs.length > 1 ? `${plural(runs.length, 'variant')}, up to ` : ''
  const title = panel === null ? scenario : `${scenario}: ${panel}`
  const lines = wrap(title, options.columns).map((line) => paint(options, 'bold', line))
  if (why.trim() !== '') lines.push(...wrap(why, options.columns))
  if (source !== null) lines.push(...wrap(`Source: ${source}`, options.columns))
  const facts = `${many}${length} simulated, seed ${seed}, encap ${version}`
  return [...lines, ...wrap(facts, options.columns).map((line) => paint(options, 'dim', line))]
}

/** Under which circumstances the numbers hold. */
export function circumstances(
  runs: readonly RunResult[],
  names: readonly string[],
): readonly string[] {
  const profiles = new Map(runs.map(({ costs, costsAbout }) => [costs, costsAbout]))
  const sentences = [...profiles].map(([costs, about]) => {
    if (costs === 'mixed') return 'CPU costs: not the same on all hosts.'
    if (costs !== 'none') return `CPU costs: profile ${costs}. ${about ?? ''}`
    return (
      'CPU costs: none - only the network limits; ' +
      'what a host would spend on a packet takes no time here.'
    )
  })
  const notes = new Map<string, string[]>()
  for (const [i, run] of runs.entries()) {
    for (const note of new Set(run.notes)) notes.set(note, [...(notes.get(note) ?? []), names[i]!])
  }
  for (const [note, of] of notes) {
    const isTold = of.length === runs.length || of.every((name) => note.includes(`(${name})`))
    const whose = isTold ? '' : ` (${enumerate(of)})`
    sentences.push(`Note${whose}: ${note}${/[.!?]$/.test(note) ? '' : '.'}`)
  }
  for (const [i, run] of runs.entries()) {
    if (run.partial) sentences.push(partialText(run, runs.length > 1 ? ` (${names[i]})` : ''))
  }
  return sentences
}

function partialText({ simulated, duration }: RunResult, whose: string): string {
  const times = `${formatTime(simulated)} of ${formatTime(duration)}`
  return `Interrupted${whose}: everything was measured up to ${times}, and not beyond.`
}

/** Expectations that do not hold are not left to the details. */
function failureLines(
  runs: readonly RunResult[],
  names: readonly string[],
  options: ReportOptions,
): string[] {
  return runs.flatMap((run, i) => {
    const failed = run.expectations.filter(({ passed }) => !passed)
    const whose = runs.length > 1 ? ` with ${names[i]}` : ''
    return failed.flatMap(({ text, shown }) => {
      const lines = wrap(`Not met${whose}: ${text}: ${shown}`, options.columns)
      return lines.map((line) => paint(options, 'red', line))
    })
  })
}

function runLines(run: RunResult, name: string, options: ReportOptions): string[] {
  const { verbose } = options
  const rule = '-'.repeat(Math.max(0, options.columns - name.length - 1))
  const blocks = [
    networkLines(run.networks, options, verbose),
    storeLines(run.store, options, verbose),
    bgpLines(run, options),
    run.workloads.flatMap((row) => workloadLines(row, options, verbose)),
    layerLines(run.hostLayers, options),
    dropLines(run.drops, options, verbose),
    switchLines(run.switches, options, verbose),
    floodLines(run.switches, options, verbose),
    limitLines(run.tables, options, verbose),
    linkLines(run.links, options, verbose),
    machineLines(run.machines, run.simulated, options, verbose),
    expectationLines(run.expectations, options),
    ledgerLines(run.ledger, options),
  ]
  return [`${paint(options, 'bold', name)} ${paint(options, 'dim', rule)}`, ...blocks.flat()]
}
