/**
 * Speed of the simulator: `npm run bench [-- --json FILE] [-- --repeat N] [-- W1 W2 ...]`.
 * Each benchmark has a process of its own, as a run of `encap` has.
 */
import '../src/cli/engine.ts'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Benchmark } from './benchmark.ts'
import { chain } from './chain.ts'
import { etcdPuts } from './etcd-puts.ts'
import { eventHolds } from './event-hold.ts'
import { idle } from './idle.ts'
import { macFlood, macFloodDistinct } from './mac-flood.ts'
import { macFloodMacvlan } from './mac-flood-macvlan.ts'
import { type Measurement, measure } from './measure.ts'
import { machineLine, tableOf, verdictOf } from './report.ts'
import { star } from './star.ts'
import { tcpFlow, tcpFlowOnCores } from './tcp-flow.ts'
import { tcpOverlays } from './tcp-overlay.ts'

const BENCHMARKS: readonly Benchmark[] = [
  chain,
  star,
  tcpFlow,
  tcpFlowOnCores,
  ...tcpOverlays,
  macFlood,
  macFloodDistinct,
  macFloodMacvlan,
  etcdPuts,
  ...eventHolds,
  idle,
]
const EXIT_DOES_NOT_COUNT = 1
const EXIT_BAD_INPUT = 2

main()

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      repeat: { type: 'string', default: '3' },
      child: { type: 'boolean', default: false },
    },
  })
  const repeats = Number(values.repeat)
  const chosen = choose(positionals)
  if (chosen === null || !Number.isInteger(repeats) || repeats < 1) {
    const names = BENCHMARKS.map(({ name }) => name).join(' ')
    process.stderr.write(`usage: bench [--json FILE] [--repeat N] [BENCHMARK ...]\nof: ${names}\n`)
    process.exitCode = EXIT_BAD_INPUT
    return
  }
  if (values.child) {
    process.stdout.write(JSON.stringify(measure(chosen[0]!, repeats)))
    return
  }
  const measurements = chosen.map(({ name }) => measureApart(name, repeats))
  process.stdout.write(`${machineLine()}\n\n${tableOf(measurements)}\n`)
  for (const line of measurements.flatMap(verdictOf)) process.stdout.write(`${line}\n`)
  if (values.json !== undefined) {
    const text = JSON.stringify({ machine: machineLine(), repeats, measurements }, null, 2)
    writeFileSync(values.json, `${text}\n`)
  }
  const isFaulty = measurements.some(({ outcome }) => outcome.faults.length > 0)
  if (isFaulty) process.exitCode = EXIT_DOES_NOT_COUNT
}

/** The benchmarks named, or all; a name without its number stands for all of its kind. */
function choose(names: readonly string[]): readonly Benchmark[] | null {
  if (names.length === 0) return BENCHMARKS
  const wanted = names.map((name) => name.toUpperCase())
  const matches = (wish: string, { name }: Benchmark) =>
    name === wish || name.startsWith(`${wish}-`)
  if (wanted.some((wish) => !BENCHMARKS.some((benchmark) => matches(wish, benchmark)))) return null
  return BENCHMARKS.filter((benchmark) => wanted.some((wish) => matches(wish, benchmark)))
}

function measureApart(name: string, repeats: number): Measurement {
  process.stderr.write(`${name} ...\n`)
  const script = process.argv[1]!
  const flags = ['--expose-gc', '--enable-source-maps']
  const args = [...flags, script, '--child', '--repeat', String(repeats), name]
  const child = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 24,
  })
  if (child.status !== 0) throw new Error(`${name} ended with status ${child.status}`)
  return JSON.parse(child.stdout) as Measurement
}
