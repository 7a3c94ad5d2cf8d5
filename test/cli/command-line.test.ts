/** What the program does with its arguments and its streams, whatever the command. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERSION } from '../../src/sim/version.ts'
import { Program, SCENARIO } from './program.ts'

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO)
})
afterAll(() => program.remove())

const COMMANDS = ['run', 'compare', 'why', 'inspect', 'validate', 'schema', 'list']
const ESCAPE = '\u001b'

describe('help', () => {
  it('lists the commands and the exit statuses, in less than half a second', () => {
    const times = Array.from({ length: 3 }, () => {
      const start = performance.now()
      const { status, stdout, stderr } = program.run('--help')
      const took = performance.now() - start
      expect(status).toBe(0)
      expect(stderr).toBe('')
      for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command} `)
      expect(stdout).toContain('Exit status: 0 all is well, 1 an expectation failed')
      return took
    })
    expect(Math.min(...times)).toBeLessThan(500)
  })

  it.each(COMMANDS)('of %s says what its options are for', (command) => {
    const { status, stdout } = program.run(command, '--help')
    expect(status).toBe(0)
    expect(stdout).toContain(`Usage: encap ${command}`)
    expect(stdout).not.toContain('default: []')
    for (const line of stdout.split('\n').filter((text) => text.startsWith('  --'))) {
      expect(line).toMatch(/^ {2}--[a-z]+( <[^>]+>)? {2,}\S/)
    }
  })

  it('is shown on standard error when nothing was asked for', () => {
    const { status, stdout, stderr } = program.run()
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('Usage: encap')
  })

  it('--version prints the version', () => {
    expect(program.run('--version')).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: '' })
  })
})

describe('a wrong command line is status 2, one message and nothing on standard output:', () => {
  it.each([
    [['rnu'], "unknown command 'rnu'", '(Did you mean run?)'],
    [['xyz'], "unknown command 'xyz'", 'See encap --help.'],
    [['run', 'two.yaml', '--pcpa', 'x'], "unknown option '--pcpa'", '(Did you mean --pcap?)'],
    [['run'], "missing required argument 'file'", 'See encap --help.'],
    [['run', 'two.yaml', '--set'], "option '--set <path=value>' argument missing", ''],
    [['schema', 'two.yaml'], 'too many arguments', ''],
    [['why', 'two.yaml', '--to', 'c2'], "required option '--from <end>' not specified", ''],
  ])('%j', (args, message, remedy) => {
    const { status, stdout, stderr } = program.run(...args)
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(stderr).toContain(remedy)
    expect(stderr).not.toMatch(/^ +at /m)
  })
})

const PROBE = ['--from', 'c1', '--to']

describe('as a process, each command ends with its status:', () => {
  it.each([
    [['run', 'two.yaml', '--variant', 'macvlan'], 0],
    [['run', 'two.yaml', '--set', 'expect[0].sent.equals=1'], 1],
    [['why', 'two.yaml', ...PROBE, 'c1'], 0],
    [['why', 'two.yaml', ...PROBE, '10.20.9.9'], 1],
    [['why', 'two.yaml', ...PROBE, 'c9'], 2],
    [['inspect', 'two.yaml', 'h1', 'ip', '-j', 'route'], 0],
    [['inspect', 'two.yaml', 'h1', 'ip', 'rules'], 2],
    [['validate', 'two.yaml'], 0],
    [['validate', 'nowhere.yaml'], 2],
  ])('%j', (args, status) => {
    const ended = program.run(...args)
    expect(ended.status).toBe(status)
    expect(ended.stdout === '').toBe(status === 2)
    expect(ended.stderr === '').toBe(status !== 2)
  })
})

describe('when piped', () => {
  it.each([{}, { NO_COLOR: '1' }])('there is no colour and no progress bar: %j', (environment) => {
    const { status, stdout, stderr } = program.runWith(environment, 'run', 'two.yaml')
    expect(status).toBe(0)
    expect(stdout).not.toContain(ESCAPE)
    expect(stderr).toBe('')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it.each([
    ['run two.yaml', 0],
    ['list', 0],
    ['schema', 0],
    // The reader does not hide that the command failed.
    ['run two.yaml --set expect[0].sent.equals=1', 1],
    ['validate nowhere.yaml 2>&1', 2],
  ])('`encap %s | head -1` ends with the status of the command', (command, status) => {
    const ended = program.shell(`$encap ${command} | head -1`)
    expect(ended.stdout.split('\n')).toHaveLength(2)
    expect(ended.stderr).toBe('')
    expect(ended.status).toBe(status)
  })

  it('a reader that closes at once does not keep the results from their file', () => {
    const { status, stderr } = program.shell(
      '$encap run two.yaml two.yaml --json out.json | true; test -s out.json',
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('says so when the output cannot be written', () => {
    const { status, stderr } = program.shell('$encap list > /dev/full')
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'the output cannot be written (ENOSPC)\n',
    })
  })
})
