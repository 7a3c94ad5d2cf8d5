/**
 * Our etcd v3 against the real one: the same random operations, the same answers.
 *
 * ENCAP_DEEP=1 runs 20,000 operations, `npm test` a twentieth of it: from which seed, the counter of
 * test/chaos says. ENCAP_ETCD_SEED=v3-123 runs that seed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEEP, seedBase } from '../seeds.ts'
import { type RealEtcd, startEtcd } from './etcd.ts'
import { compareMembers } from './etcd-v3-differential.ts'
import { LoneMember, memberOf } from './etcd-v3-member.ts'
import { base64 } from './etcd-v3-operations.ts'
import { peerAvailable } from './tshark.ts'

const OPERATIONS = DEEP ? 20_000 : 1_000

function seed(): string {
  const one = process.env['ENCAP_ETCD_SEED']
  if (one !== undefined) return one
  return `v3-${seedBase()}`
}

describe.skipIf(!peerAvailable('etcd'))('against the real etcd', () => {
  let etcd: RealEtcd

  beforeAll(async () => {
    etcd = await startEtcd()
  }, 60_000)

  afterAll(async () => {
    await etcd.stop()
  })

  it('answers random operations alike', async () => {
    const tally = await compareMembers(seed(), OPERATIONS, memberOf(etcd), new LoneMember())
    const { answers } = tally
    // Else the draw has missed what it is for.
    expect(answers['/v3/kv/txn 200']).toBeGreaterThan(OPERATIONS / 20)
    expect(answers['/v3/kv/txn 400']).toBeGreaterThan(0)
    expect(answers['/v3/kv/range 400']).toBeGreaterThan(0)
    expect(answers['/v3/kv/put 404']).toBeGreaterThan(0)
    expect(answers['/v3/kv/compaction 200']).toBeGreaterThan(0)
    expect(answers['/v3/lease/grant 412']).toBeGreaterThan(0)
    expect(answers['/v3/kv/lease/revoke 200']).toBeGreaterThan(0)
    expect(tally.watchEvents).toBeGreaterThan(OPERATIONS / 50)
  }, 900_000)

  it('refuses what is too large alike', async () => {
    const ours = new LoneMember()
    for (const [bytes, status] of [
      [1_572_864 - 200, 200],
      [1_572_864, 400],
    ] as const) {
      const body = JSON.stringify({ key: base64('big'), value: base64('x'.repeat(bytes)) })
      const [real, own] = [
        await etcd.call({ path: '/v3/kv/put', body }),
        ours.answer('/v3/kv/put', body),
      ]
      expect([real.status, own.status]).toEqual([status, status])
      if (status === 400) expect(own.body).toBe(real.body)
    }
  }, 60_000)
})
