/** `encap sweep` as its users run it: with threads, signals and files. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStreams } from '../../src/sim/random.ts'
import { ENDLESS, Program, SCENARIO } from '../cli/program.ts'

/** Times that a sweep is killed with SIGKILL. */
const KILLS = process.env['ENCAP_DEEP'] === '1' ? 20 : 3
const RATES = 'workload[0].packetRate=1kpps..12kpps:1kpps'
const SWEEP = [
  'sweep',
  'two.yaml',
  '--vary',
  RATES,
  '--seeds',
  '3',
  '--variant',
  'macvlan',
] as const

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO.replace('  - { sent: { of: stream, equals: 1000 } }', '  []'))
  program.file('strict.yaml', SCENARIO)
  program.file('endless.yaml', ENDLESS)
})
afterAll(() => program.remove())

/** Contents of all files of a folder but the journal, whose lines stand as runs ended. */
function filesIn(folder: string): Record<string, string> {
  const root = join(program.folder, folder)
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  const files = paths.filter((path) => statSync(join(root, path)).isFile())
  const kept = files.filter((path) => path !== 'journal.jsonl')
  return Object.fromEntries(kept.map((path) => [path, readFileSync(join(root, path), 'hex')]))
}

function journalOf(folder: string): string {
  const path = join(program.folder, folder, 'journal.jsonl')
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

/** Finished runs in whole lines: the first line says what the journal is of. */
function finishedIn(folder: string): string[] {
  return journalOf(folder).split('\n').slice(1, -1)
}

// Programs run one after the other, on machines that may be busy.
describe('encap sweep', {
  timeout: process.env['ENCAP_DEEP'] === '1' ? 1_800_000 : 180_000,
}, () => {
  let expected: Record<string, string>
  beforeAll(() => {
    const { status, stderr } = program.run(...SWEEP, '--jobs', '1', '--out', 'one')
    expect([status, stderr]).toEqual([0, ''])
    expected = filesIn('one')
  })

  it('writes results, a summary and charts, and nothing else', () => {
    const files = Object.keys(expected)
    expect(files.filter((path) => !path.startsWith('charts'))).toEqual([
      'results.csv',
      'results.jsonl',
      'results.parquet',
      'summary.json',
    ])
    expect(files).toContain(join('charts', 'goodput.svg'))
  })

  it('measures what a run measures', () => {
    const lines = readFileSync(join(program.folder, 'one/results.jsonl'), 'utf8').split('\n')
    const row = JSON.parse(lines[3 * 5 + 1]!)
    expect(row).toMatchObject({ variant: 'macvlan', replica: 1, seed: '1/2' })
    const settings = row.settings.flatMap((each: string) => ['--set', each])
    program.run('run', 'two.yaml', '--variant', 'macvlan', '--json', 'run.json', ...settings)
    const [run] = JSON.parse(readFileSync(join(program.folder, 'run.json'), 'utf8')).runs
    const [stream] = run.workloads
    expect(stream.sent).toBe(600)
    expect(row.metrics).toMatchObject({
      goodput: stream.goodput,
      'stream.goodput': stream.goodput,
      sent: stream.sent,
      loss: stream.lost / stream.sent,
      wireEfficiency: run.wireEfficiency,
      'leaf1.macEntries': run.switches[0].entries,
      hops: run.ledger.hops,
      events: run.events,
    })
  })

  it('writes the same bytes with two threads', () => {
    expect(program.run(...SWEEP, '--jobs', '2', '--out', 'two').status).toBe(0)
    expect(filesIn('two')).toEqual(expected)
  })

  it(`loses nothing when it is killed, ${KILLS} times`, async () => {
    const random = new RandomStreams('kill').stream('moments')
    let kept: string[] = []
    let kills = 0
    for (let round = 0; kills < KILLS; round++) {
      const folder = `killed-${round}`
      kept = []
      // Each folder is killed until it is complete.
      for (let isDone = false; !isDone && kills < KILLS; ) {
        const child = program.start(...SWEEP, '--jobs', '2', '--out', folder)
        const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
        const before = kept.length
        const more = random.integer(0, 6)
        const pause = random.integer(0, 20)
        const isEnough = () => finishedIn(folder).length >= before + more
        while (child.exitCode === null && !isEnough()) await sleep(2)
        await sleep(pause)
        child.kill('SIGKILL')
        isDone = (await ended) === 0
        if (!isDone) kills++
        const now = finishedIn(folder)
        expect(now.slice(0, kept.length)).toEqual(kept)
        kept = now
      }
      expect(program.run(...SWEEP, '--out', folder).status).toBe(0)
      const all = finishedIn(folder)
      expect(all.slice(0, kept.length)).toEqual(kept)
      expect(new Set(all).size).toBe(36)
      expect(all).toHaveLength(36)
      expect(filesIn(folder)).toEqual(expected)
    }
  })

  it('finds the knee of the full sweep in a fifth of its runs, and keeps them', () => {
    const vary = ['--vary', 'workload[0].packetRate=1kpps..64kpps']
    const sweep = ['sweep', 'two.yaml', '--variant', 'macvlan', ...vary, '--out', 'knee']
    const find = program.run(...sweep, '--find', 'sent > 3333')
    expect([find.status, find.stderr]).toEqual([0, ''])
    const summary = () =>
      JSON.parse(readFileSync(join(program.folder, 'knee/summary.json'), 'utf8'))
    const { search } = summary()
    expect(search.knees).toMatchObject([{ below: { value: 32 }, above: { value: 33 } }])
    expect(finishedIn('knee')).toHaveLength(search.runs)
    expect(search.runs * 5).toBeLessThanOrEqual(64)
    expect(find.stdout).toContain('34kpps')
    program.run(...sweep)
    const { cells } = summary()
    expect(finishedIn('knee')).toHaveLength(64)
    const sent = cells.map(
      (cell: { metrics: { sent: { mean: number } } }) => cell.metrics.sent.mean,
    )
    expect(sent.findIndex((mean: number) => mean > 3333)).toBe(33)
  })

  it('finds what a full sweep of two dimensions shows', () => {
    const vary = ['--vary', 'workload[0].size=100,1400', '--vary', RATES]
    const sweep = ['sweep', 'two.yaml', '--variant', 'macvlan', ...vary]
    expect(program.run(...sweep, '--out', 'full').status).toBe(0)
    const summaryOf = (folder: string) =>
      JSON.parse(readFileSync(join(program.folder, folder, 'summary.json'), 'utf8'))
    const { cells } = summaryOf('full')
    const conditions = [
      ['goodput', 'goodput > 4Mbps', (mean: number) => mean > 4e6],
      ['sent', 'sent >= 600', (mean: number) => mean >= 600],
    ] as const
    for (const [i, [metric, condition, isMet]] of conditions.entries()) {
      const found = program.run(...sweep, '--find', condition, '--out', `find-${i}`)
      expect(found.status).toBe(0)
      for (const { others, above, against } of summaryOf(`find-${i}`).search.knees) {
        const holds = cells
          .filter(({ point }: { point: number[] }) => point[0] === others[0])
          .map(({ metrics }: { metrics: Record<string, { mean: number }> }) =>
            isMet(metrics[metric]!.mean),
          )
        expect([above?.value ?? -1, against]).toEqual([holds.indexOf(true), []])
      }
    }
  })

  it('goes on with more seeds, and ends with the bytes of a sweep that had them at once', () => {
    const seeds = (n: string) => [...SWEEP.slice(0, 4), '--seeds', n, ...SWEEP.slice(6)]
    expect(program.run(...seeds('1'), '--out', 'grown').status).toBe(0)
    const kept = finishedIn('grown')
    expect(program.run(...SWEEP, '--out', 'grown').status).toBe(0)
    expect(finishedIn('grown').slice(0, kept.length)).toEqual(kept)
    expect(finishedIn('grown').slice(kept.length)).toHaveLength(1 + 24)
    expect(filesIn('grown')).toEqual(expected)
  })

  it('removes the charts of metrics that are no longer shown', () => {
    const sweep = ['sweep', 'two.yaml', '--vary', RATES, '--out', 'charts']
    const charts = () => readdirSync(join(program.folder, 'charts/charts'))
    program.run(...sweep, '--metric', 'hops')
    program.file('charts/charts/mine.txt', 'mine')
    expect(charts()).toContain('hops.svg')
    program.run(...sweep, '--metric', 'events')
    expect(charts()).toEqual(['events.svg', 'mine.txt'])
  })

  it('lets one sweep at a time work in a folder, and none that is dead stand in the way', async () => {
    const vary = ['--vary', 'workload[0].for=1ms,3600s']
    const sweep = ['sweep', 'endless.yaml', ...vary, '--jobs', '2', '--out', 'locked']
    const lock = join(program.folder, 'locked/sweep.lock')
    const until = async (child: ChildProcess) => {
      while (child.exitCode === null && finishedIn('locked').length < 1) await sleep(5)
      return new Promise((resolve) => child.on('exit', resolve))
    }
    const first = program.start(...sweep)
    const ended = until(first)
    while (first.exitCode === null && !existsSync(lock)) await sleep(5)
    const second = program.run(...sweep)
    expect([second.status, second.stdout]).toEqual([2, ''])
    expect(second.stderr).toContain(`locked: another sweep (process ${first.pid}) works there`)
    first.kill('SIGKILL')
    await ended
    expect(existsSync(lock)).toBe(true)
    const third = program.start(...sweep)
    const interrupted = new Promise((resolve) => third.on('exit', resolve))
    const isTaken = () => readFileSync(lock, 'utf8').includes(`"pid":${third.pid},`)
    while (third.exitCode === null && !(existsSync(lock) && isTaken())) await sleep(5)
    third.kill('SIGINT')
    expect(await interrupted).toBe(130)
    expect(readdirSync(join(program.folder, 'locked'))).toEqual(['journal.jsonl'])
    // The number of a process that lives, but began at another time.
    program.file('locked/sweep.lock', JSON.stringify({ pid: process.pid, began: 'long ago' }))
    const short = ['sweep', 'endless.yaml', '--vary', 'workload[0].for=1ms', '--out', 'locked']
    expect(program.run(...short).stderr).toContain('differs in --vary')
  })

  it.each([
    ['--seeds', ['--seeds', '2']],
    ['--set', ['--set', 'workload[0].size=500']],
    ['--vary', ['--vary', 'containers.perHost=1']],
    ['--panel and --variant', ['--variant', 'host-gw']],
  ])('does not go on with a folder of another %s', (part, extra) => {
    const before = journalOf('one')
    const { status, stderr } = program.run(...SWEEP, ...extra, '--out', 'one')
    expect(status).toBe(2)
    expect(stderr).toContain(
      part === '--seeds' ? 'has more --seeds already (3)' : `differs in ${part}`,
    )
    expect(journalOf('one')).toBe(before)
  })

  it('does not go on with a folder of another scenario', () => {
    program.file('other.yaml', SCENARIO)
    const { status, stderr } = program.run('sweep', 'other.yaml', ...SWEEP.slice(2), '--out', 'one')
    expect(status).toBe(2)
    expect(stderr).toContain('differs in the scenario file')
  })

  it('says what is wrong before anything runs', () => {
    const vary = (values: string) => ['--vary', `workload[0].size=${values}`]
    const wrong = [
      [['sweep', 'two.yaml', ...vary('100,99999')], /At workload\[0\]\.size=99999:\n/],
      [['sweep', 'gone.yaml', ...vary('1')], /there is no such file/],
      [['sweep', 'two.yaml', ...vary('1'), '--metric', 'strem.goodput'], /mean "stream"/],
      [['sweep', 'two.yaml', ...vary('1'), '--find', 'goodput'], /write it like/],
      [['sweep', 'two.yaml', ...vary('1'), '--jobs', '0'], /whole number from 1/],
      [['sweep', 'two.yaml', ...vary('1'), '--variant', 'gone'], /no variant "gone"/],
      [['sweep', 'two.yaml', ...vary('1'), '--out', 'two.yaml'], /cannot be written/],
      [['sweep', 'two.yaml'], /--vary/],
    ] as const
    for (const [words, message] of wrong) {
      const { status, stdout, stderr } = program.run(...words)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(message)
    }
    expect(existsSync(join(program.folder, 'two-hosts-sweep'))).toBe(false)
  })

  it('ends with 1 when an expectation of the file fails', () => {
    const { status, stdout } = program.run(
      'sweep',
      'strict.yaml',
      '--vary',
      RATES,
      '--out',
      'strict',
    )
    expect(status).toBe(1)
    expect(stdout).toContain('sent: { of: stream, equals: 1000 }')
  })

  it('stops at once at Ctrl-C, keeps what is finished and says how to go on', async () => {
    const vary = ['--vary', 'workload[0].for=1ms,2ms,3600s']
    const child = program.start('sweep', 'endless.yaml', ...vary, '--jobs', '2', '--out', 'endless')
    let stderr = ''
    child.stderr!.on('data', (bytes) => (stderr += bytes))
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    while (child.exitCode === null && finishedIn('endless').length < 2) await sleep(5)
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(stderr).toBe(
      'Interrupted: 2 runs are finished and kept in endless. The same command goes on there.\n',
    )
    expect(readdirSync(join(program.folder, 'endless'))).toEqual(['journal.jsonl'])
  })
})
