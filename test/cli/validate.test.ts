/** `encap validate`, `schema` and `list`: what is known before anything runs. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SWITCH_PROFILES } from '../../src/fabric/switch-profiles.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { PANELS, Program, ROOT, runHere, SCENARIO } from './program.ts'

const EXAMPLES = readdirSync(join(ROOT, 'scenarios'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.yaml'),
)

let program: Program
beforeAll(async () => {
  program = await Program.build()
  program.file('two.yaml', SCENARIO)
})
afterAll(() => program.remove())

describe('validate', () => {
  it('says of each file that it is right', () => {
    const files = EXAMPLES.map((name) => join(ROOT, 'scenarios', name))
    const { status, stdout, stderr } = program.run('validate', 'two.yaml', ...files)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe('two.yaml: right, 2 variants')
    expect(lines.map((line) => line.split(': right')[0])).toEqual(['two.yaml', ...files])
  })

  it('says how many panels a file has', async () => {
    const file = join(program.folder, program.file('panels.yaml', PANELS))
    expect((await runHere('validate', file)).stdout).toBe(`${file}: right, 2 variants, 2 panels\n`)
  })

  it('shows every fault of every file, each with its place and what would be right', () => {
    const text = SCENARIO.replace('racks: 1', 'racks: two').replace('kind: udp', 'kind: upd')
    program.file('first.yaml', text.replace('of: stream', 'of: steam'))
    program.file('second.yaml', 'name: x\nworkload: [\n')
    program.file('empty.yaml', '')
    const { status, stdout, stderr } = program.run(
      ...['validate', 'first.yaml', 'two.yaml', 'second.yaml', 'nowhere.yaml', '.', 'empty.yaml'],
    )
    expect(status).toBe(2)
    expect(stdout).toBe('two.yaml: right, 2 variants\n')
    const heads = stderr.split('\n').filter((line) => line.includes(': error: '))
    expect(heads).toEqual([
      'first.yaml:3:18: error: "two" is not a number (at fabric.racks)',
      'first.yaml:7:13: error: "upd" is not one of the values of kind (at workload[0].kind)',
      'first.yaml:15:19: error: there is no workload "steam" (at expect[0].sent.of)',
      expect.stringMatching(/^second\.yaml:2:11: error: YAML: /),
      'nowhere.yaml: error: there is no such file',
      '.: error: this is a directory; name a file',
      'empty.yaml:1:1: error: the file says nothing',
    ])
    expect(stderr).toContain('  3 | fabric: { racks: two, hostsPerRack: 2, links: 1Gbps }\n')
    expect(stderr).toContain('    |                  ^^^\n')
    expect(stderr).toContain('remedy: did you mean "udp"?')
    expect(stderr).toContain('remedy: did you mean "stream"?')
    expect(stderr).not.toMatch(/^ +at /m)
  })

  it('takes --set', async () => {
    const file = join(program.folder, 'two.yaml')
    expect((await runHere('validate', file, '--set', 'fabric.racks=2')).status).toBe(0)
    const { status, stderr } = await runHere('validate', file, '--set', 'fabric.racks=0')
    expect(status).toBe(2)
    expect(stderr).toContain('--set #1:1:14: error: ')
  })

  it('bytes that are no text do not reach the terminal', () => {
    program.file('binary.yaml', '\u001b[31m\u0007\u0000\n\u0001')
    const { status, stderr } = program.run('validate', 'binary.yaml')
    expect(status).toBe(2)
    expect([...stderr].filter((c) => c < ' ' && c !== '\n')).toEqual([])
  })
})

describe('schema', () => {
  it('prints a JSON Schema that tells right files from wrong ones', () => {
    const { status, stdout, stderr } = program.run('schema')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const json = JSON.parse(stdout)
    expect(json).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' })
    const schema = z.fromJSONSchema(json)
    const workload = { kind: 'ping', from: 'c1', to: 'c2', count: 3 }
    expect(schema.safeParse({ name: 'x', workload: [workload] }).error).toBeUndefined()
    expect(schema.safeParse({ nme: 'x' }).success).toBe(false)
    expect(schema.safeParse({ workload: [{ ...workload, kind: 'pong' }] }).success).toBe(false)
  })
})

describe('list', () => {
  it('names every example with its reason, every scheme and every switch', () => {
    const { status, stdout, stderr } = program.run('list')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.split('\n')
    for (const name of EXAMPLES) {
      const at = lines.findIndex((line) => line.endsWith(`/${name}`))
      expect(at, name).toBeGreaterThan(0)
      expect(lines[at + 1]).toMatch(/^ {6}\S.{20,}$/)
    }
    expect(stdout).not.toContain('is wrong')
    for (const name of builtinSchemes.names()) {
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^  ${name} +\\S`)))
    }
    for (const { name } of SWITCH_PROFILES) {
      expect(lines).toContainEqual(
        expect.stringMatching(new RegExp(`^  ${name} +(\\d+|no limit)$`)),
      )
    }
  })
})
