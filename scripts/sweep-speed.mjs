// What a second core is worth to a sweep of 64 points: `node scripts/sweep-speed.mjs`, after a build, on a
// machine that does nothing else. Linux only, for `taskset`. The points take about 1.2 s each: with half of
// that the start of the workers, each of which compiles for itself, is a larger part.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const GOAL = 1.8
const folder = mkdtempSync(join(tmpdir(), 'encap-speed-'))
const sweep = [
  ...[process.execPath, 'dist/cli.js', 'sweep', 'scenarios/mac-exhaustion.yaml'],
  ...['--variant', 'macvlan', '--vary', 'containers.perHost=55..118'],
  ...['--set', 'workload[3].packetRate=1600pps', '--metric', 'flooded', '--out'],
]

function seconds(cores) {
  const started = performance.now()
  const out = join(folder, cores)
  const { status } = spawnSync('taskset', ['-c', cores, ...sweep, out], { stdio: 'ignore' })
  // 1: expectations of the file that hold for its own number of containers only.
  if (status !== 0 && status !== 1) throw new Error(`the sweep ended with ${status}`)
  return (performance.now() - started) / 1000
}

const [one, two] = [seconds('0'), seconds('0,1')]
rmSync(folder, { recursive: true })
console.log(
  `one core ${one.toFixed(1)} s, two ${two.toFixed(1)} s: ${(one / two).toFixed(2)} times`,
)
process.exitCode = one / two >= GOAL ? 0 : 1
