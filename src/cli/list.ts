import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { COST_PROFILES } from '../cpu/cost-profile.ts'
import { SWITCH_PROFILES } from '../fabric/switch-profiles.ts'
import { wrap } from '../report/lines.ts'
import { loadScenarioFile } from '../scenario/load.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { metricCatalogue } from '../study/sweep/metrics.ts'
import { scenarioDirectory } from './scenario-directory.ts'
import { columns } from './terminal.ts'

/** `encap list`: what comes with the program. */
export function listCommand(): void {
  const lines = ['Scenarios:', ...scenarioLines(), '', 'Schemes:']
  for (const name of builtinSchemes.names()) {
    lines.push(`  ${name.padEnd(10)} ${builtinSchemes.summary(name)}`)
  }
  lines.push('', 'Switch profiles (entries of the MAC table):')
  for (const { name, macTable } of SWITCH_PROFILES) {
    const capacity = Number.isFinite(macTable.capacity) ? String(macTable.capacity) : 'no limit'
    lines.push(`  ${name.padEnd(22)} ${capacity}`)
  }
  lines.push('', 'Cost profiles (hosts.costs):', '  none', '      Work takes no time.')
  for (const { name, about } of Object.values(COST_PROFILES)) {
    lines.push(`  ${name}`, ...wrap(about, columns(process.stdout), '      '))
  }
  lines.push('', 'Metrics of sweeps, as `stream.goodput` of one workload or switch:')
  for (const { name, about } of metricCatalogue()) {
    lines.push(`  ${name}`, ...wrap(about, columns(process.stdout), '      '))
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

function scenarioLines(): string[] {
  const directory = scenarioDirectory()
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  // Those of folders come behind the others.
  const scenarios = files
    .filter((file) => file.endsWith('.yaml'))
    .sort((a, b) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1))
  return scenarios.map((file) => {
    const path = join(directory, file)
    const result = loadScenarioFile(path, builtinSchemes)
    const why = result.ok ? result.scenarios[0]!.why.split(/(?<=\.)\s/)[0]!.trim() : 'is wrong'
    return `  ${relative(process.cwd(), path)}\n      ${why}`
  })
}

function depthOf(file: string): number {
  return file.split(sep).length
}
