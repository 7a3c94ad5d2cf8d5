import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../schemes/registry.ts'
import { RandomStreams } from '../../sim/random.ts'
import { checkPoint, type PointRequest } from './check-point.ts'
import { parseDimension } from './dimension.ts'
import { indexOf, type PlanOptions, placeAt, planSweep, settingsOf } from './plan.ts'

const TEXT = `name: two
seed: mine
fabric: { racks: 1, hostsPerRack: 2, links: 1Gbps }
hosts: { costs: none }
networks: { app: { scheme: macvlan } }
containers: { perHost: 1, networks: app }
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 1kpps, for: 10ms }
variants: { one: {}, two: { fabric: { links: 10Gbps } } }
`

type Request = PlanOptions['request']

function planOf(vary: readonly string[], more: Partial<PlanOptions> & Partial<Request> = {}) {
  const { text = TEXT, settings = [], variants = [], ...options } = more
  return planSweep({
    request: { text, file: 'two.yaml', settings, panel: null, variants, color: false },
    dimensions: vary.map(parseDimension),
    seeds: 1,
    select: (scenarios) => scenarios,
    registry: builtinSchemes,
    check: (request) => Promise.resolve(checkPoint(request, builtinSchemes)),
    ...options,
  })
}

describe('plan', () => {
  it('has a run for each series, point and seed, and can name each', async () => {
    const { plan } = await planOf(['containers.perHost=1,2,3', 'workload[0].size=100,200'], {
      seeds: 4,
    })
    expect(plan.total).toBe(2 * 3 * 2 * 4)
    expect(plan.seeds).toEqual(['mine', 'mine/2', 'mine/3', 'mine/4'])
    const settings = new Set<string>()
    for (let index = 0; index < plan.total; index++) {
      const place = placeAt(plan, index)
      expect(indexOf(plan, place)).toBe(index)
      settings.add([place.series, ...settingsOf(plan, place)].join(' '))
    }
    expect(settings.size).toBe(plan.total)
    expect(settingsOf(plan, placeAt(plan, 5))).toEqual([
      'containers.perHost=1',
      'workload[0].size=200',
      'seed="mine/2"',
    ])
    expect(placeAt(plan, plan.total - 1)).toEqual({ series: 1, point: [2, 1], replica: 3 })
  })

  it('sets what was varied last, so that it wins', async () => {
    const { plan } = await planOf(['containers.perHost=1,2'], {
      settings: ['containers.perHost=9'],
    })
    expect(settingsOf(plan, placeAt(plan, 1))).toEqual([
      'containers.perHost=9',
      'containers.perHost=2',
    ])
  })

  it('runs only the variants that were chosen', async () => {
    const { plan, subjects } = await planOf(['containers.perHost=1'], {
      variants: ['two'],
    })
    expect(plan.series).toEqual([{ panel: null, variant: 'two' }])
    expect([...subjects]).toEqual(['stream', 'leaf1'])
  })

  it('names every point that is wrong, with what is wrong there', async () => {
    const attempt = () => planOf(['workload[0].size=100,99999,200,77777'])
    const message = await attempt().then(String, String)
    expect(message).toMatch(/At workload\[0\]\.size=99999:\n.*--set #1:1/)
    expect(message).toMatch(/At workload\[0\]\.size=77777:/)
    expect(message).not.toMatch(/size=200:/)
  })

  it('tells the same wrong points whichever check ends first', async () => {
    const sizes = Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? 100 + i : 90_000 + i))
    const vary = [`workload[0].size=${sizes.join(',')}`]
    const expected = await planOf(vary).then(String, String)
    expect(expected.match(/^.*At /gm)).toHaveLength(5)
    const random = new RandomStreams('1').stream('order')
    const check = async (request: PointRequest) => {
      for (let i = random.integer(0, 20); i > 0; i--) await Promise.resolve()
      return checkPoint(request, builtinSchemes)
    }
    expect(await planOf(vary, { check }).then(String, String)).toBe(expected)
  })

  it('names the points after a first one that is wrong', async () => {
    const message = await planOf(['workload[0].size=99999,100,77777']).then(String, String)
    expect(message.match(/size=\d+:/g)).toEqual(['size=99999:', 'size=77777:'])
  })

  it.each([
    [['containers.perHost=1', 'containers.perHost=2'], {}, 'varied twice'],
    [['seed=1,2'], { seeds: 2 }, 'leave out --seeds'],
    [['containers.perHost=1..10000'], { seeds: 1000 }, 'at most 100000'],
    [['nonsense=1'], {}, 'nonsense'],
  ])('refuses %j with %j', (vary, options, message) => {
    return expect(planOf(vary, options)).rejects.toThrow(message)
  })

  it('refuses a seed that replicas make too long', async () => {
    const text = TEXT.replace('seed: mine', `seed: ${'x'.repeat(99)}`)
    await expect(planOf(['containers.perHost=1'], { text, seeds: 2 })).rejects.toThrow('seed="xxx')
    expect((await planOf(['containers.perHost=1'], { text })).plan.total).toBe(2)
  })
})
