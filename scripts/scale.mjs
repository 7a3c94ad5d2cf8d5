// Brings up 200 hosts with 20 containers each of every scheme and lets 500 pairs by chance talk:
// `node scripts/scale.mjs [CASE ...] [--hosts N] [--per-host N] [--pairs N] [--cpu-prof DIR]`, on a machine
// that does nothing else. Built as dist/ is. Each case has a minute of wall clock.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { BUILD_OPTIONS } from './build-options.mjs'

const GOAL_SECONDS = 60
const ALL = [
  'flannel',
  'calico with route reflectors',
  'macvlan',
  'swarm',
  'weave',
  'docker classic',
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hosts: { type: 'string', default: '200' },
    'per-host': { type: 'string', default: '20' },
    pairs: { type: 'string', default: '500' },
    'cpu-prof': { type: 'string' },
  },
})
// In the tree, so that what is not bundled is found.
const folder = mkdtempSync(join('node_modules', '.scale-'))
const program = join(folder, 'main.mjs')
try {
  await bundle()
  for (const name of positionals.length > 0 ? positionals : ALL) measure(name)
} finally {
  rmSync(folder, { recursive: true })
}

async function bundle() {
  await build({ ...BUILD_OPTIONS, entryPoints: ['test/scale/main.ts'], outfile: program })
}

function measure(name) {
  const profile = values['cpu-prof']
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const size = [values.hosts, values['per-host'], values.pairs]
  const started = performance.now()
  const { status, stdout } = spawnSync(process.execPath, [...flags, program, name, ...size], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  const seconds = (performance.now() - started) / 1000
  if (status !== 0) throw new Error(`${name} ended with ${status}`)
  const result = JSON.parse(stdout)
  const { asked, up, addresses, upAfter, talk, events, imbalance, cpu, megabytes } = result
  const { pairs, answered, refused, wrong } = talk
  const isRight = up === asked && addresses === up && wrong.length === 0 && imbalance === 0
  const isFast = seconds < GOAL_SECONDS
  if (!isRight || !isFast) process.exitCode = 1
  console.log(
    `${name}: ${seconds.toFixed(1)} s${isFast ? '' : ' (too long)'}, CPU ${cpu.toFixed(1)} s, ` +
      `${megabytes.toFixed(0)} MB, ${(events / 1e6).toFixed(1)} M events; ${up} of ${asked} up after ` +
      `${upAfter.toFixed(1)} s, ${addresses} addresses; of ${pairs} pairs ${answered} talk` +
      `${refused === 0 ? '' : `, ${refused} are refused as they should be`}` +
      `${wrong.length === 0 ? '' : `, ${wrong.length} are wrong, the first: ${wrong[0]}`}` +
      `${imbalance === 0 ? '' : `; imbalance ${imbalance}`}`,
  )
}
