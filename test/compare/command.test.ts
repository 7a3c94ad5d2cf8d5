/** `encap compare` as its users run it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ComparedCell } from '../../src/study/compare/cell.ts'
import { Program, ROOT } from '../cli/program.ts'

let program: Program

beforeAll(async () => {
  program = await Program.build()
})

afterAll(() => program.remove())

interface Document {
  readonly seeds: readonly string[]
  readonly cells: readonly ComparedCell[]
  readonly scenarios: Readonly<Record<string, string>>
}

const SMALL = `name: small
fabric: { racks: 1, hostsPerRack: 2 }
networks: { app: { scheme: host } }
containers: { perHost: 1, networks: app }
`

describe('a comparison', () => {
  it('with a scheme of the user, beside others, with evidence for each cell', () => {
    const file = program.file('small.yaml', SMALL)
    const toy = join(ROOT, 'test/schemes/gre.ts')
    const args = [
      '--schemes',
      'gre,macvlan/private',
      '--seeds',
      '2',
      '--jobs',
      '1',
      '--scheme',
      toy,
    ]
    const { status, stdout, stderr } = program.run('compare', file, ...args, '--json', 'out.json')
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const lines = stdout.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(stdout).toMatch(/^gre +encapsulated L3 +/m)

    const text = readFileSync(join(program.folder, 'out.json'), 'utf8')
    const { seeds, cells, scenarios } = JSON.parse(text) as Document
    expect(seeds).toEqual(['1', '1/2'])
    expect(new Set(cells.map(({ entrant }) => entrant))).toEqual(
      new Set(['gre', 'macvlan/private']),
    )
    for (const cell of cells) {
      const asked = cell.seeds.map(({ seed }) => seed)
      expect(asked, `${cell.section}: ${cell.row}`).toEqual(seeds)
      for (const { evidence } of cell.seeds) {
        expect(scenarios[evidence.scenario]).toContain('networks:')
        expect(evidence.probe).not.toBe('')
        expect(evidence.instant).toBeGreaterThanOrEqual(0)
      }
    }
    // What evidence names can be run by itself.
    const key = cells.find(({ entrant }) => entrant === 'gre')!.seeds[0]!.evidence.scenario
    const alone = program.file('alone.yaml', scenarios[key]!)
    expect(program.run('validate', alone, '--scheme', toy).status).toBe(0)
  })

  it('of schemes that there are not, of one host, of numbers that are none', () => {
    const file = program.file('small.yaml', SMALL)
    const wrong = program.run('compare', file, '--schemes', 'macvlam')
    expect(wrong.stderr).toContain(
      '--schemes: there is no scheme "macvlam"; did you mean "macvlan"?',
    )
    const lonely = program.file('one.yaml', SMALL.replace('hostsPerRack: 2', 'hostsPerRack: 1'))
    const one = program.run('compare', lonely)
    expect(one.stderr).toBe('one.yaml: error: a comparison needs two hosts or more\n')
    const section = program.run('compare', file, '--sections', 'performanse')
    expect(section.stderr).toBe(
      '--sections: there is no section "performanse"; did you mean "performance"?\n',
    )
    const seeds = program.run('compare', file, '--seeds', '0')
    expect(seeds.stderr).toBe('--seeds 0: a whole number from 1 to 100\n')
    expect([wrong.status, one.status, section.status, seeds.status]).toEqual([2, 2, 2, 2])
  })
})
