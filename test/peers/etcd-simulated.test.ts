/**
 * A simulated etcd of one member against the real one, both asked over HTTP: v3 and v2, the same random
 * operations, the same answers, field by field. The simulated one is asked through packets, and runs Raft,
 * disk and daemon.
 *
 * ENCAP_DEEP=1 runs 20,000 operations of each, `npm test` a twentieth: from which seed, the counter of
 * test/chaos says. ENCAP_ETCD_SEED=any runs that seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStreams } from '../../src/sim/random.ts'
import { DEEP, seedBase } from '../seeds.ts'
import { type RealEtcd, startEtcd } from './etcd.ts'
import { SimulatedEtcd } from './etcd-simulated.ts'
import { compareDrivers, type V2Driver } from './etcd-v2.ts'
import { compareMembers } from './etcd-v3-differential.ts'
import { memberOf } from './etcd-v3-member.ts'
import { base64 } from './etcd-v3-operations.ts'
import { peerAvailable } from './tshark.ts'

const OPERATIONS = DEEP ? 20_000 : 1_000
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

function seed(): string {
  const one = process.env['ENCAP_ETCD_SEED']
  if (one !== undefined) return one
  return `simulated-${seedBase()}`
}

function driverOf(etcd: Pick<RealEtcd, 'call' | 'stream'>, beforeEach = () => {}): V2Driver {
  return {
    call: (method, path, body) => {
      beforeEach()
      return etcd.call(body === null ? { method, path } : { method, path, body, headers: FORM })
    },
    watch: async (path) => {
      const stream = await etcd.stream({ path, method: 'GET' })
      const reach = (count: number) => stream.wait((lines) => lines.length >= count)
      return { lines: stream.lines, stop: () => stream.stop(), reach }
    },
  }
}

describe.skipIf(!peerAvailable('etcd'))('a simulated etcd against the real one', () => {
  let real: RealEtcd
  let simulated: SimulatedEtcd

  beforeAll(async () => {
    real = await startEtcd(['--enable-v2'])
    simulated = new SimulatedEtcd()
  }, 60_000)

  afterAll(() => real?.stop())

  function expectSound(): void {
    expect(simulated.cluster.violations).toEqual([])
    simulated.bench.expectBalance()
  }

  it(`answers v3 alike, seed ${seed()}`, async () => {
    const members = [memberOf(real), memberOf(simulated)] as const
    const { answers, watchEvents } = await compareMembers(seed(), OPERATIONS, ...members)
    expect(answers['/v3/kv/txn 200']).toBeGreaterThan(OPERATIONS / 20)
    expect(answers['/v3/kv/put 200']).toBeGreaterThan(OPERATIONS / 20)
    expect(watchEvents).toBeGreaterThan(OPERATIONS / 20)
    expectSound()
  }, 1_800_000)

  it(`answers v2 alike, seed ${seed()}`, async () => {
    const random = new RandomStreams(seed()).stream('operations')
    const ours = driverOf(simulated, () => simulated.keepTime())
    const tally = await compareDrivers(random, OPERATIONS, driverOf(real), ours)
    for (const kind of ['200 set', '200 compareAndSwap', '201 create', '404 100', '412 101']) {
      expect(tally.answers.get(kind) ?? 0, kind).toBeGreaterThan(0)
    }
    expect(tally.events).toBeGreaterThan(0)
    expectSound()
  }, 1_800_000)

  it('refuses what is too large alike', async () => {
    const body = JSON.stringify({ key: base64('big'), value: base64('x'.repeat(1_572_864)) })
    const answers = await Promise.all(
      [real, simulated].map((etcd) => memberOf(etcd).post('/v3/kv/put', body)),
    )
    const [theirs, mine] = answers.map(({ status, body: text }) => ({ status, text }))
    expect(mine).toEqual(theirs)
    expect(mine!.status).toBe(400)
  })
})
