import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTick } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RandomStreams } from '../../sim/random.ts'
import { holds, parseCondition } from './condition.ts'
import { resultLines, summaryText } from './data-files.ts'
import { parseDimension } from './dimension.ts'
import { Journal } from './journal.ts'
import type { RunMeasures } from './measure-run.ts'
import type { SweepTask } from './plan.ts'
import type { SweepPlan } from './result.ts'
import { summarise } from './summarise.ts'
import { type Execute, Sweep } from './sweep.ts'

const PLAN: SweepPlan = {
  scenario: 'fake',
  why: '',
  dimensions: [parseDimension('racks=1..3'), parseDimension('load=1..40')],
  series: [
    { panel: null, variant: 'a' },
    { panel: null, variant: 'b' },
  ],
  seeds: ['s', 's/2'],
  settings: [],
  total: 2 * 3 * 40 * 2,
}

/** Tips over at a load that depends on the rest; replicas lie around their mean. */
function measures({ settings, variant }: SweepTask): RunMeasures {
  const [racks = 0, load = 0] = settings.map((setting) => Number(setting.split('=')[1]))
  const knee = racks * 9 + (variant === 'a' ? 0 : 5)
  const spread = settings.length > 2 ? 0.25 : -0.25
  const drops = { 'drops.link_loss': load }
  const reasons = load > 30 ? drops : {}
  const metrics = {
    macRefused: Math.max(0, load - knee + 1) + spread,
    goodput: 1 / load,
    ...reasons,
  }
  return { metrics, limitedBy: {}, failed: [] }
}

describe('sweep', () => {
  let folder = ''
  let journal: Journal
  let asked: SweepTask[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'encap-sweep-'))
    journal = Journal.open(folder, {})
    asked = []
  })
  afterEach(() => {
    journal.close()
    rmSync(folder, { recursive: true })
  })

  const sweep = (execute: Execute = (task) => Promise.resolve(measures(task))) => {
    const spying: Execute = (task) => {
      asked.push(task)
      return execute(task)
    }
    return new Sweep({ plan: PLAN, text: 'text', file: 'f', journal, execute: spying })
  }
  const reopen = () => {
    journal.close()
    journal = Journal.open(folder, {})
  }
  const filesOf = ({ rows }: Sweep) => {
    const result = summarise(PLAN, rows, [], null)
    return resultLines(result) + summaryText(result)
  }

  it('runs everything once, and nothing again', async () => {
    await sweep().full()
    expect(asked).toHaveLength(PLAN.total)
    expect(new Set(asked.map((task) => JSON.stringify(task))).size).toBe(PLAN.total)
    reopen()
    asked = []
    const again = sweep()
    await again.full()
    expect(asked).toEqual([])
    expect(again.rows.map(({ index }) => index)).toEqual([...Array(PLAN.total).keys()])
  })

  it('writes the same bytes in whatever order runs end, and after a failure', async () => {
    const first = sweep()
    await first.full()
    journal.close()
    rmSync(folder, { recursive: true })
    journal = Journal.open(folder, {})
    const random = new RandomStreams('1').stream('order')
    const held: { readonly run: () => void }[] = []
    const shuffled = sweep((task) => {
      const isBroken = random.next() < 0.02
      return new Promise((resolve, reject) => {
        held.push({ run: () => (isBroken ? reject(new Error('broken')) : resolve(measures(task))) })
      })
    })
    const ended = shuffled.full().then(
      () => 'right',
      () => 'broken',
    )
    while (held.length > 0) held.splice(random.integer(0, held.length - 1), 1)[0]!.run()
    expect(await ended).toBe('broken')
    await nextTick()
    reopen()
    expect(journal.rows.length).toBeGreaterThan(0)
    expect(journal.rows.length).toBeLessThan(PLAN.total)
    const second = sweep()
    await second.full()
    expect(filesOf(second)).toBe(filesOf(first))
  })

  it('finds the knees of the full sweep in at most a fifth of the runs', async () => {
    const condition = parseCondition('macRefused >= 1')
    const search = await sweep().find(condition)
    expect(search.runs).toBe(asked.length)
    expect(search.runs * 5).toBeLessThanOrEqual(PLAN.total)
    const full = sweep()
    await full.full()
    const { cells } = summarise(PLAN, full.rows, [], search)
    expect(search.knees).toHaveLength(6)
    for (const { series, others, below, above } of search.knees) {
      const line = cells.filter((cell) => cell.series === series && cell.point[0] === others[0])
      const knee = line.findIndex(({ metrics }) => metrics['macRefused']!.mean >= 1)
      expect(above?.value).toBe(knee)
      expect(above?.estimate).toEqual(line[knee]!.metrics['macRefused'])
      expect(below?.value).toBe(knee - 1)
      expect(below?.estimate).toEqual(line[knee - 1]!.metrics['macRefused'])
    }
  })

  it.each([
    // Of each line what the condition holds for, by load: 1 to 40.
    ['goodput > 0bps', () => true],
    ['macRefused < 3', null],
    ['macRefused > 7', null],
    ['drops.link_loss < 1', (load: number) => load <= 30],
    ['drops.link_loss >= 31', (load: number) => load >= 31],
    ['goodput > 2bps', () => false],
  ])('finds the same as a full sweep, or says that it cannot: %s', async (text, expected) => {
    const condition = parseCondition(text)
    const search = await sweep().find(condition)
    expect(search.runs * 5).toBeLessThanOrEqual(PLAN.total)
    const full = sweep()
    await full.full()
    const { cells } = summarise(PLAN, full.rows, [], search)
    for (const { series, others, above, against } of search.knees) {
      const line = cells.filter((cell) => cell.series === series && cell.point[0] === others[0])
      const at = line.map(({ metrics }) => holds(condition, metrics[condition.metric]!.mean))
      if (expected !== null) expect(at).toEqual(at.map((_, i) => expected(i + 1)))
      const knee = at.indexOf(true)
      const isOnce = knee < 0 || at.slice(knee).every(Boolean)
      expect(above?.value ?? -1).toBe(knee)
      expect(against.length > 0).toBe(!isOnce)
    }
  })

  it('says which finished points contradict a single tipping point', async () => {
    await sweep().full()
    reopen()
    const { knees } = await sweep().find(parseCondition('macRefused < 3'))
    // Racks 1, variant a: from a load of 11 on, which is value 10, it is 3 or more.
    const [{ below, above, against }] = knees as [(typeof knees)[0]]
    expect([below, above?.value]).toEqual([null, 0])
    expect(against.map(({ value }) => value)).toEqual(Array.from({ length: 30 }, (_, i) => 10 + i))
  })

  it('adds replicas to what is there, with the bytes of a sweep that had them at once', async () => {
    const first = sweep()
    await first.full()
    const identity = (seeds: readonly string[]) => ({ seeds })
    journal.close()
    rmSync(folder, { recursive: true })
    const short = { ...PLAN, seeds: ['s'], total: PLAN.total / 2 }
    const run = (plan: SweepPlan) => {
      journal = Journal.open(folder, identity(plan.seeds), 'seeds')
      const execute: Execute = (task) => {
        asked.push(task)
        return Promise.resolve(measures(task))
      }
      return new Sweep({ plan, text: 'text', file: 'f', journal, execute })
    }
    await run(short).full()
    journal.close()
    asked = []
    const grown = run(PLAN)
    await grown.full()
    expect(asked).toHaveLength(PLAN.total / 2)
    expect(asked.every(({ settings }) => settings.at(-1) === 'seed="s/2"')).toBe(true)
    expect(filesOf(grown)).toBe(filesOf(first))
  })

  it('takes for a search what a full sweep left in the journal', async () => {
    await sweep().full()
    reopen()
    asked = []
    await sweep().find(parseCondition('macRefused >= 1'))
    expect(asked).toEqual([])
  })

  it('searches for drops that do not occur at first', async () => {
    const { knees } = await sweep().find(parseCondition('drops.link_loss > 0'))
    expect(knees.map(({ above }) => above?.value)).toEqual(Array(6).fill(30))
    expect(knees[0]!.below?.estimate.mean).toBe(0)
  })

  it('says what was measured when the metric of a search was not', async () => {
    await expect(sweep().find(parseCondition('loss > 1%'))).rejects.toThrow(
      /loss was not measured at racks=1, load=.*measured: macRefused, goodput/,
    )
  })

  it('gives means with intervals, and no frames to a drop reason that did not occur', async () => {
    const full = sweep()
    await full.full()
    const result = summarise(PLAN, full.rows, ['macRefused', 'loss'], null)
    expect(result.shown).toEqual(['macRefused'])
    expect(result.metrics.map(({ name }) => name)).toEqual([
      'goodput',
      'drops.link_loss',
      'macRefused',
    ])
    const [first] = result.cells
    expect(first!.metrics['macRefused']).toMatchObject({ n: 2, mean: 0 })
    expect(first!.metrics['macRefused']!.halfWidth).toBeCloseTo(12.7062 * 0.25, 3)
    expect(first!.metrics['drops.link_loss']).toMatchObject({ mean: 0 })
    expect(result.cells).toHaveLength(PLAN.total / 2)
    expect(summarise(PLAN, full.rows, [], null).shown).toEqual(['goodput', 'macRefused'])
  })
})
