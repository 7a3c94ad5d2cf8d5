/** The program at a terminal: the progress bar, colours, Ctrl-C. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resultsSchema } from '../../src/study/result.ts'
import { ENDLESS, Program, SCENARIO } from './program.ts'

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO)
  program.file('endless.yaml', ENDLESS)
})
afterAll(() => program.remove())

const SCRIPT = 'script'
const ESCAPE = '\u001b'
const HIDE_CURSOR = `${ESCAPE}[?25l`
const SHOW_CURSOR = `${ESCAPE}[?25h`
const CLEAR_LINE = `${ESCAPE}[2K`

/** util-linux's, which takes a command; BSD's does not. */
function hasScript(): boolean {
  const { error, stdout } = spawnSync(SCRIPT, ['--version'], { encoding: 'utf8' })
  if (error === undefined && stdout.includes('util-linux')) return true
  console.warn('script of util-linux is not installed: no test has a terminal')
  return false
}

/** Runs a line of shell at a pseudo terminal and gives all that came to its screen. */
function atTerminal(line: string): { status: number; screen: string } {
  const command = `stty cols 100; ${line}; printf '\\nstatus %s\\n' $?`
  const { stdout } = program.shell(`${SCRIPT} -qec ${quoted(command)} /dev/null < /dev/null`)
  const [, screen, status] = /^(.*)status (\d+)\r?\n$/s.exec(stdout)!
  return { status: Number(status), screen: screen! }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

describe.skipIf(!hasScript())('at a terminal', () => {
  it('the bar says how far the run is, and is cleared before the report', () => {
    const shorter = '--set workload[0].for=1s'
    const { status, screen } = atTerminal(`$encap run endless.yaml ${shorter}`)
    expect(status).toBe(0)
    const bars = screen.split(ESCAPE).filter((part) => part.startsWith('[1Gendless ['))
    expect(bars.length).toBeGreaterThan(1)
    expect(bars[0]).toBe('[1Gendless [--------------------] 0.00 of 3.00 s | - events/s | - left')
    expect(bars.at(-1)).toMatch(
      /^\[1Gendless \[=+-+\] [12]\.\d\d of 3\.00 s \| \d+\.\d M events\/s \| \d+ s left$/,
    )
    const [bar, report] = screen.split(CLEAR_LINE)
    expect(bar).toContain(HIDE_CURSOR)
    expect(bar!.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(bar!.lastIndexOf(HIDE_CURSOR))
    expect(report).toMatch(/^\S+endless/)
    expect(report).not.toContain(HIDE_CURSOR)
  })

  it('the report has colours, unless NO_COLOR says otherwise', () => {
    const command = '$encap run two.yaml --variant macvlan 2> errors'
    expect(atTerminal(command).screen).toContain(`${ESCAPE}[`)
    const plain = atTerminal(`NO_COLOR=1 ${command}`)
    expect(plain).toMatchObject({ status: 0, screen: expect.not.stringContaining(ESCAPE) })
    expect(plain.screen).toContain('two-hosts')
  })

  it('what is wrong with a file is coloured as well', () => {
    program.file('wrong.yaml', 'nme: x\n')
    expect(atTerminal('$encap validate wrong.yaml').screen).toContain(`${ESCAPE}[31m`)
    const plain = atTerminal('NO_COLOR=1 $encap validate wrong.yaml')
    expect(plain).toMatchObject({ status: 2, screen: expect.not.stringContaining(ESCAPE) })
  })

  it('the bar is on standard error: a report goes to its file without it', () => {
    const { screen } = atTerminal('$encap run two.yaml --variant macvlan > report.txt')
    expect(screen).toContain(SHOW_CURSOR)
    expect(readFileSync(join(program.folder, 'report.txt'), 'utf8')).not.toContain(ESCAPE)
  })
})

/** Starts a run that does not end, and sends it a signal once it is on its way. */
async function interrupted(signal: NodeJS.Signals, folder: string, ...args: readonly string[]) {
  const child = program.start('run', 'endless.yaml', '--pcap', folder, ...args)
  let [stdout, stderr] = ['', '']
  child.stdout!.on('data', (data) => (stdout += data))
  child.stderr!.on('data', (data) => (stderr += data))
  const ended = new Promise((resolve) => {
    child.on('close', (status, killer) => resolve(status ?? killer))
  })
  // The folder is made when everything has been checked, just before the first run.
  while (!existsSync(join(program.folder, folder))) await sleep(20)
  await sleep(200)
  child.kill(signal)
  return { status: await ended, stdout, stderr }
}

describe('a signal', () => {
  const two = ['--set', 'variants={ first: {}, second: {} }']

  it('ends the run with what was measured so far, which says that it is partial', async () => {
    const { status, stdout, stderr } = await interrupted(
      'SIGINT',
      'captures',
      ...[...two, '--json', 'partial.json'],
    )
    expect(status).toBe(130)
    expect(stderr).toBe(
      'Interrupted: what is shown was measured up to then; 1 run was not begun.\n',
    )
    expect(stdout).toMatch(/Interrupted: everything was measured up to [\d.]+ s of 3,60\d s/)
    const json = readFileSync(join(program.folder, 'partial.json'), 'utf8')
    const { runs, notBegun } = resultsSchema.parse(JSON.parse(json))
    expect(runs).toHaveLength(1)
    expect(notBegun).toEqual([{ scenario: 'endless', panel: null, variant: 'second' }])
    const [{ partial, simulated, duration, workloads, ledger }] = runs as [(typeof runs)[number]]
    expect({ partial, balanced: ledger.balanced }).toEqual({ partial: true, balanced: true })
    expect(simulated).toBeGreaterThan(0)
    expect(simulated).toBeLessThan(duration)
    expect(workloads[0]!.delivered).toBeGreaterThan(0)
    const capture = readFileSync(join(program.folder, 'captures/endless-first.pcapng'))
    expect(capture.length).toBeGreaterThan(200)
  })

  it('leaves --json - whole', async () => {
    const { status, stdout } = await interrupted('SIGTERM', 'more', '--json', '-')
    expect(status).toBe(143)
    expect(resultsSchema.parse(JSON.parse(stdout)).runs[0]!.partial).toBe(true)
  })
})
