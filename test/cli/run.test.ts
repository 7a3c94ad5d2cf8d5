/** `encap run`: its exit status and what it writes. */
import { readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type RunResult, resultsSchema } from '../../src/study/result.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'
import { ENDLESS, PANELS, Program, ROOT, runHere, SCENARIO } from './program.ts'

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO)
})
afterAll(() => program.remove())

function resultsOf(text: string): RunResult[] {
  return resultsSchema.parse(JSON.parse(text)).runs
}

const MACVLAN = ['--variant', 'macvlan']

async function runs(...args: readonly string[]): Promise<RunResult[]> {
  const file = join(program.folder, 'two.yaml')
  const { status, stdout, stderr } = await runHere('run', file, ...args, '--json', '-')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return resultsOf(stdout)
}

function read(...path: readonly string[]): string {
  return readFileSync(join(program.folder, ...path), 'utf8')
}

describe('exit status', () => {
  it('is 0 when every expectation is met', () => {
    const { status, stdout, stderr } = program.run('run', 'two.yaml')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('met: sent: { of: stream, equals: 1000 }: 1000 (line 15)')
  })

  it('is 1 when an expectation is not met in one variant, and the report says which', async () => {
    const expectation = '{ wireEfficiency: { atLeast: 93% }, variant: host-gw }'
    const met = program.run('run', 'two.yaml', '--set', `expect=[${expectation}]`)
    const unmet = program.run(
      'run',
      'two.yaml',
      '--set',
      `expect=[${expectation.replace('93', '94')}]`,
    )
    expect([met.status, unmet.status]).toEqual([0, 1])
    expect(unmet.stderr).toBe('')
    expect(unmet.stdout).toContain('NOT MET: wireEfficiency: { atLeast: 94% }')
  })

  it('is 2 for any wrong file of several; all are told, none runs', () => {
    program.file('wrong.yaml', SCENARIO.replace('macvlan', 'macvlam'))
    const { status, stdout, stderr } = program.run('run', 'two.yaml', 'wrong.yaml', 'nowhere.yaml')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('wrong.yaml:4:28: error: "macvlam"')
    expect(stderr).toContain('did you mean "macvlan"?')
    expect(stderr).toContain('nowhere.yaml: error: there is no such file')
  })

  it.each([
    [['--json', 'no/such/folder.json'], 'no/such/folder.json: cannot be written (ENOENT)'],
    [['--json', '.'], '.: cannot be written (EISDIR)'],
    [['--pcap', 'two.yaml'], 'two.yaml: cannot be written (EEXIST)'],
  ])('is 2 before anything runs when %j cannot be written', (args, message) => {
    program.file('endless.yaml', ENDLESS)
    const ended = program.run('run', 'endless.yaml', ...args)
    expect(ended).toEqual({ status: 2, stdout: '', stderr: `${message}\n` })
  })
})

describe('--json', () => {
  it('- writes nothing but the results, as `schema --results` describes them', () => {
    const { stdout } = program.run('run', 'two.yaml', '--json', '-')
    const results = resultsOf(stdout)
    expect(results.map(({ variant, partial }) => [variant, partial])).toEqual([
      ['macvlan', false],
      ['host-gw', false],
    ])
    const schema = z.fromJSONSchema(JSON.parse(program.run('schema', '--results').stdout))
    expect(schema.safeParse(JSON.parse(stdout)).error).toBeUndefined()
    expect(schema.safeParse({ runs: [{ ...results[0], events: 'many' }] }).success).toBe(false)
  })

  it('writes the same bytes in every run, with nothing in them of machine or time', () => {
    const file = join(program.folder, 'two.yaml')
    expect(program.run('run', file, '--json', 'first.json').status).toBe(0)
    expect(program.run('run', file, '--json', 'second.json', '--pcap', 'p').status).toBe(0)
    const text = read('first.json')
    expect(read('second.json')).toBe(text)
    expect(program.run('run', 'two.yaml', '--json', '-').stdout).toBe(text)
    for (const told of [program.folder, ROOT, hostname(), process.version]) {
      expect(text).not.toContain(told)
    }
    expect(text).not.toMatch(/\b20\d\d-\d\d-\d\d|\b\d\d:\d\d:\d\d\b/)
  })

  it('holds the runs of several files, in their order', async () => {
    program.file('other.yaml', SCENARIO.replace('two-hosts', 'other'))
    const names = (await runs(join(program.folder, 'other.yaml'))).map(({ scenario }) => scenario)
    expect(names).toEqual(['two-hosts', 'two-hosts', 'other', 'other'])
  })
})

describe('what runs', () => {
  it('--seed changes chance, and only that', async () => {
    const results = [
      await runs(...MACVLAN),
      await runs('--seed', 'a', ...MACVLAN),
      await runs('--seed', 'b', ...MACVLAN),
    ]
    expect(results.map(([result]) => result!.seed)).toEqual(['1', 'a', 'b'])
    const lost = results.map(([result]) => result!.workloads[0]!.lost)
    expect(new Set(lost).size).toBe(3)
    for (const [{ workloads, ledger }] of results as [RunResult][]) {
      expect(workloads[0]!.sent).toBe(1000)
      expect(ledger.balanced).toBe(true)
    }
    expect(await runs('--seed', 'a', ...MACVLAN)).toEqual(results[1])
  })

  it('--seed is a number or text, as in the file', async () => {
    const [byOption] = await runs('--seed', '7', ...MACVLAN)
    const [bySet] = await runs('--set', 'seed=7', ...MACVLAN)
    expect(byOption).toEqual(bySet)
    expect(byOption!.seed).toBe('7')
  })

  it('--variant chooses, in the order of the file', async () => {
    const all = await runs()
    expect(await runs('--variant', 'host-gw')).toEqual([all[1]])
    expect(await runs('--variant', 'host-gw', ...MACVLAN)).toEqual(all)
  })

  it('--set replaces parts, later ones last', async () => {
    const [result] = await runs(
      ...[...MACVLAN, '--set', 'workload[0].for=1s', '--set', 'workload[0].for=50ms'],
      ...['--set', 'expect=[]', '--set', 'faults=[]'],
    )
    expect(result!.workloads[0]).toMatchObject({ sent: 500, delivered: 500 })
    expect(result!.drops.filter(({ kind }) => kind === 'loss')).toEqual([])
  })
})

describe('--panel', () => {
  const names = (results: readonly RunResult[]) =>
    results.map(({ panel, variant }) => [panel, variant])
  const FIRST = [
    ['1 Gb/s', 'macvlan'],
    ['1 Gb/s', 'host-gw'],
  ]
  const SECOND = [
    ['10 Gb/s', 'macvlan'],
    ['10 Gb/s', 'host-gw'],
  ]

  it.each([
    [[], FIRST],
    [['--panel', '10 Gb/s'], SECOND],
    [
      ['--panel', 'all'],
      [...FIRST, ...SECOND],
    ],
    [
      ['--panel', 'all', '--variant', 'host-gw'],
      [FIRST[1], SECOND[1]],
    ],
  ])('%j', async (args, expected) => {
    const file = join(program.folder, program.file('panels.yaml', PANELS))
    const { status, stdout } = await runHere('run', file, ...args, '--json', '-')
    expect(status).toBe(0)
    const results = resultsOf(stdout)
    expect(names(results)).toEqual(expected)
    for (const { panel, links } of results)
      expect(links[0]!.rate).toBe(panel === '1 Gb/s' ? 1e9 : 1e10)
  })

  it('has a table each, and the first says which others there are', async () => {
    const file = join(program.folder, program.file('panels.yaml', PANELS))
    const first = await runHere('run', file)
    expect(first.stdout).toMatch(/^two-hosts: 1 Gb\/s\n/)
    expect(first.stdout).toContain('\nFurther panels: 10 Gb/s (--panel NAME or all)\n')
    const all = await runHere('run', file, '--panel', 'all')
    expect(all.stdout.match(/^two-hosts: .*$/gm)).toEqual([
      'two-hosts: 1 Gb/s',
      'two-hosts: 10 Gb/s',
    ])
    expect(all.stdout).not.toContain('Further panels')
  })

  it('is 2 where there is no such panel', async () => {
    const file = join(program.folder, program.file('panels.yaml', PANELS))
    const { status, stdout, stderr } = await runHere('run', file, '--panel', '1 Gbs')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('did you mean "1 Gb/s"?')
  })
})

describe('--variant and --seed are told what is wrong with them:', () => {
  it.each([
    [['--variant', 'macvln'], 'has no variant "macvln"; did you mean "macvlan"?'],
    [['--variant', '(none)'], 'has no variant "(none)"; variants: macvlan, host-gw'],
    [['--variant', ''], 'has no variant ""; variants: macvlan, host-gw'],
    [['--seed', ''], '--seed: it must not be empty'],
  ])('%j', async (args, message) => {
    const file = join(program.folder, 'two.yaml')
    const { status, stdout, stderr } = await runHere('run', file, ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})

describe('--set is told what is wrong with it:', () => {
  it.each([
    ['seed', '"seed" is not path=value', 1],
    ['fabrik.racks=1', 'unknown key "fabrik"', 1],
    ['fabric.racks=[', 'YAML: ', 14],
    ['fabric.racks=two', '"two" is not a number', 14],
    ['workload[7].for=1s', 'the list has 1 items, and 7 is none of them', 1],
    ['workload[0].for=1', '1 has no unit', 17],
  ])('%s', async (setting, message, column) => {
    const file = join(program.folder, 'two.yaml')
    const { status, stdout, stderr } = await runHere('run', file, '--set', setting)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(`--set #1:1:${column}: error: `)
    expect(stderr).toContain(message)
    expect(stderr).toContain('remedy: ')
  })
})

describe('--pcap', () => {
  it('writes a capture of each run, under names that do not collide', () => {
    const colliding = SCENARIO.replace('  macvlan: {}', '  host/gw: {}')
    program.file('colliding.yaml', colliding)
    const { status } = program.run('run', 'colliding.yaml', 'two.yaml', '--pcap', 'deep/folder')
    expect(status).toBe(0)
    expect(readdirSync(join(program.folder, 'deep/folder')).sort()).toEqual([
      'two-hosts-host-gw-2.pcapng',
      'two-hosts-host-gw-3.pcapng',
      'two-hosts-host-gw.pcapng',
      'two-hosts-macvlan.pcapng',
    ])
  })

  it.skipIf(!peerAvailable('tshark'))(
    'tshark reads it, and finds what the run counted',
    async () => {
      const folder = join(program.folder, 'read')
      const [macvlan] = await runs(...MACVLAN, '--pcap', folder)
      const bytes = readFileSync(join(folder, 'two-hosts-macvlan.pcapng'))
      const packets = expectCleanCapture(bytes, ['udp.length', 'frame.interface_name'])
      const datagrams = packets.filter((packet) => packet['udp.length']!.includes('1008'))
      expect(datagrams).toHaveLength(macvlan!.workloads[0]!.sent)
      const { forward, backward } = macvlan!.links.find(({ name }) => name === 'h1-leaf1')!
      expect(packets).toHaveLength(forward.frames + backward.frames)
      expect(new Set(packets.map((packet) => packet['frame.interface_name']![0]))).toEqual(
        new Set(['h1/eth0']),
      )
    },
  )

  it('captures at the cable of each host where the file names no place', () => {
    const one = [...MACVLAN, '--set', 'captures=[]']
    expect(program.run('run', 'two.yaml', '--pcap', 'named', ...MACVLAN).status).toBe(0)
    expect(program.run('run', 'two.yaml', '--pcap', 'default', ...one).status).toBe(0)
    const [named, byDefault] = ['named', 'default'].map((folder) =>
      readFileSync(join(program.folder, folder, 'two-hosts-macvlan.pcapng'), 'latin1'),
    )
    expect([named!.includes('h1/eth0'), named!.includes('h2/eth0')]).toEqual([true, false])
    expect([byDefault!.includes('h1/eth0'), byDefault!.includes('h2/eth0')]).toEqual([true, true])
  })
})
