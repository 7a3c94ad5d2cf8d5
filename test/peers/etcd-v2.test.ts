/**
 * The v2 store and its HTTP mapping against the real etcd: the same requests to both, the same
 * answers from both, field by field and in the same order.
 *
 * ENCAP_DEEP=1 does 10,000 operations, `npm test` a tenth; test/seeds.json says
 * which: count it up with a commit that changes the store. ENCAP_ETCD_V2_SEED=any runs one's own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  applyV2,
  clusterVersionSet,
  memberCreated,
  memberPublished,
  syncCommand,
  type V2Command,
} from '../../src/control/etcd/v2/command.ts'
import type { V2Answer } from '../../src/control/etcd/v2/http.ts'
import { V2Service } from '../../src/control/etcd/v2/service.ts'
import { V2Store } from '../../src/control/etcd/v2/store.ts'
import { EPOCH_MILLISECONDS } from '../../src/control/program/wall-clock.ts'
import { RandomStreams } from '../../src/sim/random.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { DEEP, seedBase } from '../seeds.ts'
import { type RealEtcd, startEtcd } from './etcd.ts'
import {
  comparable,
  compareDrivers,
  masked,
  type V2Driver,
  type V2Feed,
  type V2Reply,
} from './etcd-v2.ts'
import { peerAvailable } from './tshark.ts'

const SET = 10_000
const SHARES = 10
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

const OWN_SEED = process.env['ENCAP_ETCD_V2_SEED']

function seed(): string {
  if (OWN_SEED !== undefined) return OWN_SEED
  return `etcd-v2-${DEEP ? Math.floor(seedBase() / SHARES) : seedBase()}`
}

/** As the real one lists itself. */
interface RealMember {
  readonly id: string
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
}

/** The store behind its API, without raft: a member alone in its cluster, in no time. */
class Model implements V2Driver {
  private readonly store = new V2Store()
  private readonly service = new V2Service(this.store, '1')
  private readonly id: string
  private raftIndex = 0

  constructor(member: RealMember) {
    this.id = member.id
    this.apply(memberCreated(member.id, member.peerURLs))
    this.apply(memberPublished(member.id, member.name, member.clientURLs))
    this.apply(clusterVersionSet('3.4.0'))
  }

  /** What a leader does every 500 ms. */
  sync(): void {
    if (this.store.hasTtlKeys) this.apply(syncCommand(this.now))
  }

  async call(method: string, path: string, body: string | null): Promise<V2Reply> {
    const reply = this.answer(method, path, body)
    return method === 'HEAD' ? { ...reply, body: '' } : reply
  }

  private answer(method: string, path: string, body: string | null): V2Reply {
    const { context } = this
    const form = body === null ? { body: '' } : { body, contentType: FORM['content-type'] }
    const work = this.service.decode({ method, target: path, ...form }, context)
    switch (work.kind) {
      case 'answer':
        return replyOf(work.answer)
      case 'read':
        return replyOf(this.service.read(work, context))
      case 'watch': {
        const watching = this.service.watch(work, context, () => true)
        if (!('answer' in watching)) throw new Error(`${path} would wait`)
        return replyOf(watching.answer)
      }
      default: {
        const result = this.apply(work.command)
        return replyOf(this.service.applied(work, result, this.context))
      }
    }
  }

  async watch(target: string): Promise<V2Feed> {
    const lines: string[] = []
    const take = (line: string): boolean => {
      lines.push(line.trimEnd())
      return true
    }
    const { context } = this
    const work = this.service.decode({ method: 'GET', target, body: '' }, context)
    if (work.kind !== 'watch') throw new Error(`${target} is no watch`)
    const watching = this.service.watch(work, context, take)
    if ('answer' in watching) take(watching.answer.body)
    else if (watching.first !== null) take(watching.first)
    const stop = 'answer' in watching ? () => {} : watching.cancel
    return { lines, stop, reach: async () => {} }
  }

  private apply(command: V2Command) {
    this.raftIndex++
    return applyV2(this.store, command, this.now)
  }

  private get now(): number {
    return (Date.now() - EPOCH_MILLISECONDS) * MILLISECOND
  }

  private get context() {
    return { now: this.now, raftIndex: this.raftIndex, raftTerm: 2, leader: this.id }
  }
}

function replyOf({ status, headers, body }: V2Answer): V2Reply {
  const byName = headers.map(([name, value]) => [name.toLowerCase(), value])
  return { status, body, headers: Object.fromEntries(byName) }
}

function driverOf(etcd: RealEtcd): V2Driver {
  return {
    call: (method, path, body) =>
      etcd.call(body === null ? { method, path } : { method, path, body, headers: FORM }),
    watch: async (path) => {
      const stream = await etcd.stream({ path, method: 'GET' })
      const reach = (count: number) => stream.wait((lines) => lines.length >= count)
      return { lines: stream.lines, stop: () => stream.stop(), reach }
    },
  }
}

describe.skipIf(!peerAvailable('etcd'))('the v2 store against the real etcd', () => {
  let etcd: RealEtcd
  let real: V2Driver
  let ours: Model

  beforeAll(async () => {
    etcd = await startEtcd(['--enable-v2'])
    real = driverOf(etcd)
    const { body } = await real.call('GET', '/v2/members', null)
    ours = new Model((JSON.parse(body) as { members: [RealMember] }).members[0])
  })

  afterAll(() => etcd?.stop())

  async function expectAlike(method: string, path: string, body: string | null = null) {
    const operation = { method, path, body, isWatch: false }
    const answers = [await real.call(method, path, body), await ours.call(method, path, body)]
    const [theirs, mine] = answers.map((reply) => comparable(operation, reply))
    expect(mine).toBe(theirs)
    return answers[1]!
  }

  it.each([
    ['GET', '/version'],
    ['HEAD', '/version'],
    ['GET', '/health'],
    ['PUT', '/health'],
    ['GET', '/v2/members'],
    ['GET', '/v2/members/'],
    ['GET', '/v2/members/leader'],
    ['GET', '/v2/members/other'],
    ['GET', '/v2/machines'],
    ['HEAD', '/v2/machines'],
    ['DELETE', '/v2/machines'],
    ['GET', '/v2/keys'],
    ['GET', '/v2/keysaround'],
    ['GET', '/v2/other'],
    ['GET', '/v2/keys/%zz'],
  ])('answers %s %s alike', async (method, path) => {
    await expectAlike(method, path)
  })

  it(`answers random operations alike, seed ${seed()}`, async () => {
    const random = new RandomStreams(seed()).stream('operations')
    const tally = await compareDrivers(random, DEEP ? SET : SET / SHARES, real, ours)
    const successes = 'get set create update delete compareAndSwap compareAndDelete'.split(' ')
    const kinds = successes.map((action) => `${action === 'create' ? 201 : 200} ${action}`)
    kinds.push('201 set', '404 100', '412 101', '403 102', '400 104', '412 105', '400 209')
    for (const kind of kinds) expect(tally.answers.get(kind) ?? 0, kind).toBeGreaterThan(0)
    expect(tally.events).toBeGreaterThan(0)
  })

  it('keeps the last thousand events, over all keys', async () => {
    for (let i = 0; i < 1000; i++) {
      const form = [`/v2/keys/window/${i % 7}`, `value=${i}`] as const
      await Promise.all([real, ours].map((each) => each.call('PUT', ...form)))
    }
    const { headers } = await expectAlike('GET', '/v2/keys/window')
    const oldest = Number(headers['x-etcd-index']) - 999
    const path = (index: number) => `/v2/keys/window?wait=true&recursive=true&waitIndex=${index}`
    const kept = await Promise.all([real, ours].map((each) => each.watch(path(oldest))))
    await Promise.all(kept.map((feed) => feed.reach(1)))
    expect(kept[1]!.lines).toEqual(kept[0]!.lines)
    const cleared = await expectAlike('GET', path(oldest - 1))
    expect(cleared.body).toContain(`has been cleared [${oldest}/${oldest - 1}]`)
  })

  it('ends what expires, and says so to watchers of the children', async () => {
    const start = Date.now()
    await expectAlike('PUT', '/v2/keys/short', 'dir=true&ttl=2')
    await expectAlike('PUT', '/v2/keys/short/child', 'value=1')
    await expectAlike('PUT', '/v2/keys/shorter', 'value=2&ttl=2')
    await expectAlike('PUT', '/v2/keys/renewed', 'value=3&ttl=2')
    await expectAlike('PUT', '/v2/keys/renewed', 'refresh=true&prevExist=true&ttl=100')
    const paths = ['/short/child', '/shorter', '/renewed', '/?recursive=true&stream=true']
    const watches = paths.map((path) => {
      const [key, flags = ''] = path.split('?')
      return Promise.all(
        [real, ours].map((each) => each.watch(`/v2/keys${key}?wait=true&${flags}`)),
      )
    })
    const feeds = await Promise.all(watches)
    const [child, shorter, renewed, all] = feeds
    await all![0]!.reach(2)
    expect(Date.now() - start).toBeGreaterThanOrEqual(2000)
    // Ours was asked a moment after the real one, so its keys end a moment later.
    await new Promise((resolve) => setTimeout(resolve, 50))
    ours.sync()
    expect(renewed!.map((feed) => feed.lines.length)).toEqual([0, 0])
    for (const [theirs, mine] of [child!, shorter!, all!]) {
      await theirs!.reach(mine!.lines.length)
      expect(mine!.lines.map(masked)).toEqual(theirs!.lines.map(masked))
    }
    expect(all![1]!.lines.map((line) => JSON.parse(line).action)).toEqual(['expire', 'expire'])
    for (const feed of feeds.flat()) feed.stop()
    await expectAlike('GET', '/v2/keys/short')
  })
})
