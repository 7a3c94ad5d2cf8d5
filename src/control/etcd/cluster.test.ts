import { describe, expect, it } from 'vitest'
import { ETCD_3_4 } from '../../../test/control/etcd-settings.ts'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import type { Process } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { HttpClient, type HttpResponse } from '../http/client.ts'
import { HttpError } from '../http/http-error.ts'
import { Program } from '../program/program.ts'
import { EtcdCluster } from './cluster.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Three members on h1 to h3, and a client on h4. */
class Bench {
  readonly hosts: HostsOnSwitch
  readonly cluster: EtcdCluster
  readonly client: Program
  private readonly http: HttpClient

  constructor(costs?: string) {
    this.hosts = new HostsOnSwitch(4, costs === undefined ? {} : { costs: COST_PROFILES[costs]! })
    const places = [1, 2, 3].map((n) => ({ name: `store-${n}`, host: this.hosts.host(n) }))
    this.cluster = new EtcdCluster(places, ETCD_3_4)
    this.cluster.start()
    this.client = new Program(this.hosts.host(4).root, 'client')
    this.http = new HttpClient(this.client)
    this.run(3 * SECOND)
  }

  run(until: number): void {
    this.hosts.simulator.run(until)
  }

  /** Asks a member; the answer comes while the simulation runs on. */
  ask(member: number, method: string, path: string, body = ''): { status: number; body: string } {
    const answer = { status: 0, body: '' }
    const { http, hosts } = this
    this.client.spawn(
      (function* (): Process {
        const form = method === 'PUT' || path.startsWith('/v2')
        const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
        const response: HttpResponse | HttpError = yield* http.request({
          address: hosts.address(member),
          port: 2379,
          method,
          path,
          body,
          headers: [['Content-Type', type]],
        })
        if (response instanceof HttpError) answer.body = response.text
        else Object.assign(answer, { status: response.status, body: response.text })
      })(),
    )
    return answer
  }

  expectSound(): void {
    expect(this.cluster.violations).toEqual([])
    this.hosts.expectBalance()
    for (const { kernel } of this.hosts.hosts) expect(kernel.machine?.unaccounted ?? 0).toBe(0)
  }
}

describe('an etcd cluster', () => {
  it.each([undefined, 'server-2020s'])('serves v3 on every member, with costs %s', (costs) => {
    const bench = new Bench(costs)
    const put = bench.ask(
      1,
      'POST',
      '/v3/kv/put',
      JSON.stringify({ key: base64('a'), value: base64('1') }),
    )
    bench.run(3.1 * SECOND)
    expect(put.status).toBe(200)
    const reads = [1, 2, 3].map((n) =>
      bench.ask(n, 'POST', '/v3/kv/range', JSON.stringify({ key: base64('a') })),
    )
    bench.run(3.2 * SECOND)
    for (const { status, body } of reads) {
      expect(status).toBe(200)
      expect(JSON.parse(body)).toMatchObject({
        header: { revision: '2' },
        kvs: [{ key: base64('a'), value: base64('1'), version: '1' }],
        count: '1',
      })
    }
    bench.expectSound()
  })

  it('serves v2: create, compare and swap, a long poll, TTL', () => {
    const bench = new Bench()
    const watch = bench.ask(3, 'GET', '/v2/keys/a?wait=true')
    bench.run(3.1 * SECOND)
    const put = bench.ask(2, 'PUT', '/v2/keys/a', 'value=1&prevExist=false&ttl=2')
    bench.run(3.2 * SECOND)
    expect(put.status).toBe(201)
    expect(JSON.parse(watch.body)).toMatchObject({
      action: 'create',
      node: { key: '/a', value: '1' },
    })
    const again = bench.ask(1, 'PUT', '/v2/keys/a', 'value=2&prevExist=false')
    bench.run(3.3 * SECOND)
    expect([again.status, JSON.parse(again.body).errorCode]).toEqual([412, 105])
    bench.run(6 * SECOND)
    const gone = bench.ask(1, 'GET', '/v2/keys/a')
    bench.run(6.1 * SECOND)
    expect([gone.status, JSON.parse(gone.body).errorCode]).toEqual([404, 100])
    bench.expectSound()
  })

  it('asks the leader about leases, and ends them in time', () => {
    const bench = new Bench()
    const grant = bench.ask(1, 'POST', '/v3/lease/grant', JSON.stringify({ ID: '7', TTL: '3' }))
    bench.run(3.1 * SECOND)
    expect(JSON.parse(grant.body)).toMatchObject({ ID: '7', TTL: '3' })
    const body = JSON.stringify({ key: base64('k'), value: base64('v'), lease: '7' })
    bench.ask(2, 'POST', '/v3/kv/put', body)
    bench.run(5 * SECOND)
    const alive = [1, 2, 3].map((n) => bench.ask(n, 'POST', '/v3/lease/keepalive', '{"ID":"7"}'))
    bench.run(5.1 * SECOND)
    for (const { body: text } of alive) expect(JSON.parse(text).result).toMatchObject({ TTL: '3' })
    const range = () => bench.ask(1, 'POST', '/v3/kv/range', JSON.stringify({ key: base64('k') }))
    bench.run(7.5 * SECOND)
    const before = range()
    bench.run(9.2 * SECOND)
    const after = range()
    bench.run(9.4 * SECOND)
    expect([JSON.parse(before.body).count, JSON.parse(after.body).count]).toEqual(['1', undefined])
    bench.expectSound()
  })

  it('times out without a quorum, serves serializable reads, and goes on afterwards', () => {
    const bench = new Bench()
    const [a, b] = bench.cluster.members.filter((member) => member.status()!.role !== 'leader')
    a!.crash()
    b!.crash()
    const leader = bench.cluster.members.findIndex(({ isRunning }) => isRunning) + 1
    const put = bench.ask(leader, 'POST', '/v3/kv/put', JSON.stringify({ key: base64('a') }))
    const stale = bench.ask(
      leader,
      'POST',
      '/v3/kv/range',
      JSON.stringify({ key: base64('a'), serializable: true }),
    )
    bench.run(9.9 * SECOND)
    expect([put.status, stale.status]).toEqual([0, 200])
    bench.run(10.5 * SECOND)
    expect(put.status).toBe(503)
    expect(JSON.parse(put.body).error).toMatch(/request timed out/)
    a!.start()
    b!.start()
    bench.run(14 * SECOND)
    const after = bench.ask(leader, 'POST', '/v3/kv/put', JSON.stringify({ key: base64('b') }))
    bench.run(14.1 * SECOND)
    expect(after.status).toBe(200)
    bench.expectSound()
  })

  it('hands the leadership over when the leader is told to stop, and elects anew when it is killed', () => {
    const bench = new Bench()
    const { leadership, members } = bench.cluster
    const leader = () => members.find((member) => member.status()?.role === 'leader')!
    const first = leader()
    const before = leadership.leaderless
    first.stop()
    bench.run(3.5 * SECOND)
    expect(first.isRunning).toBe(false)
    expect(leadership.elections).toBe(2)
    expect(leadership.leaderless - before).toBeLessThan(50 * MILLISECOND)
    first.start()
    bench.run(5 * SECOND)
    leader().crash()
    bench.run(8 * SECOND)
    expect(leadership.longestLeaderless).toBeGreaterThan(900 * MILLISECOND)
    bench.expectSound()
  })

  it('tells what members hold', () => {
    const bench = new Bench()
    bench.ask(1, 'POST', '/v3/kv/put', JSON.stringify({ key: base64('a'), value: base64('1') }))
    bench.ask(1, 'PUT', '/v2/keys/dir/b', 'value=2')
    bench.run(4 * SECOND)
    for (const member of bench.cluster.members) {
      expect(member.keys()).toEqual([
        { key: '/dir/b', value: '2', revision: expect.any(Number), space: 'v2' },
        { key: 'a', value: '1', revision: 2, space: 'v3' },
      ])
      expect(member.status()).toMatchObject({
        revision: 2,
        leader: expect.stringMatching(/^store-/),
      })
    }
    expect(bench.cluster.leadership).toMatchObject({ elections: 1 })
    expect(bench.cluster.leadership.leaderless).toBeLessThan(2.2 * SECOND)
  })
})
