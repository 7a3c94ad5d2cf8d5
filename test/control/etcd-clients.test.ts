/** The clients at simulated etcd clusters. */
import { describe, expect, it } from 'vitest'
import { EtcdKvStore } from '../../src/control/etcd/client/kv-store.ts'
import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../src/control/etcd/client/v2-keys.ts'
import {
  isV2Failure,
  V2_EVENT_INDEX_CLEARED,
  V2KeysError,
  type V2Response,
} from '../../src/control/etcd/client/v2-messages.ts'
import { V3Client } from '../../src/control/etcd/client/v3-client.ts'
import {
  V3Error,
  type V3LeaseResult,
  type V3PutResult,
} from '../../src/control/etcd/client/v3-messages.ts'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { ETCD_3_4 } from './etcd-settings.ts'
import { HostsOnSwitch } from './hosts-on-switch.ts'
import { describeKvStore, type KvUser } from './kv-store-contract.ts'

/** Members on h1 to h3, users on h4 and h5. */
class EtcdBench {
  readonly hosts = new HostsOnSwitch(5)
  readonly cluster: EtcdCluster
  readonly programs: readonly Program[]

  constructor() {
    const places = [1, 2, 3].map((n) => ({ name: `store-${n}`, host: this.hosts.host(n) }))
    this.cluster = new EtcdCluster(places, ETCD_3_4)
    this.cluster.start()
    this.programs = [4, 5].map((n) => new Program(this.hosts.host(n).root, 'client'))
    this.run(3 * SECOND)
  }

  get endpoints() {
    return this.cluster.addressesFor()
  }

  run(duration: number): void {
    const { simulator } = this.hosts
    simulator.run(simulator.now + duration)
  }

  /** Runs a process of the first user to its end. */
  finish(body: Process, most = 60 * SECOND): void {
    const fibre = this.programs[0]!.spawn(body)
    for (let time = 0; time < most && !fibre.done.isSettled; time += SECOND) this.run(SECOND)
    expect(fibre.done.isSettled).toBe(true)
    expect(this.cluster.violations).toEqual([])
    this.hosts.expectBalance()
  }

  get leader() {
    return this.cluster.members.find((member) => member.status()?.role === 'leader')!
  }
}

describe('etcd v2 behind the common interface', () => {
  describeKvStore(() => {
    const bench = new EtcdBench()
    const users = bench.programs.map((program) => ({
      program,
      store: new EtcdKvStore(program, bench.endpoints),
    }))
    return {
      users: users as unknown as readonly [KvUser, KvUser],
      run: (duration) => bench.run(duration),
    }
  }, 21)
})

describe('the v2 client, at a cluster', () => {
  it('goes on when the member that it asks dies, and misses no event', () => {
    const bench = new EtcdBench()
    const [writer, reader] = bench.programs.map(
      (program) =>
        new V2Keys(
          new V2ClusterClient(program, { endpoints: bench.endpoints, headerTimeout: SECOND }),
        ),
    )
    const seen: string[] = []
    bench.programs[1]!.spawn(
      (function* (): Process {
        const watcher = reader!.watcher('/log', { afterIndex: 1, recursive: true })
        for (;;) {
          const event = yield* watcher.next()
          if (!isV2Failure(event)) seen.push(event.node.value!)
          else yield* sleep(100 * MILLISECOND)
        }
      })(),
    )
    bench.finish(
      (function* (): Process {
        for (let i = 0; i < 20; i++) {
          if (i === 10) bench.leader.crash()
          while (isV2Failure(yield* writer!.set(`/log/${i}`, `${i}`))) yield* sleep(SECOND)
        }
        yield* sleep(SECOND)
      })(),
    )
    // A write that timed out may have been done, and is then told twice.
    expect([...new Set(seen)]).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    expect(seen.length).toBeLessThanOrEqual(23)
  })

  it('is told that events were missed after a thousand others', () => {
    const bench = new EtcdBench()
    const client = new V2ClusterClient(bench.programs[0]!, { endpoints: bench.endpoints })
    const keys = new V2Keys(client)
    bench.finish(
      (function* (): Process {
        const first = (yield* keys.set('/a', '1')) as V2Response
        for (let i = 0; i < 1001; i++) yield* keys.set('/b', '1')
        const outcome = yield* keys.watcher('/a', { afterIndex: first.node.modifiedIndex }).next()
        expect(outcome).toBeInstanceOf(V2KeysError)
        expect((outcome as V2KeysError).code).toBe(V2_EVENT_INDEX_CLEARED)
      })(),
    )
  })
})

describe('the v3 client, at a cluster', () => {
  it('reads, writes and compares', () => {
    const bench = new EtcdBench()
    const client = new V3Client(bench.programs[0]!, { endpoints: bench.endpoints })
    bench.finish(
      (function* (): Process {
        const put = (yield* client.put('net/1', 'ü')) as V3PutResult
        const absent = { key: 'net/1', target: 'CREATE', result: 'EQUAL', value: 0 } as const
        const txn = yield* client.txn([absent], [{ put: 'net/1', value: '?' }], [{ get: 'net/1' }])
        const kv = { key: 'net/1', value: 'ü', modRevision: put.revision }
        expect(txn).toMatchObject({ succeeded: false, results: [{ kvs: [kv] }] })
        yield* client.put('net/2', '2', { prevKv: true })
        expect(yield* client.get('net/', { isPrefix: true, keysOnly: true })).toMatchObject({
          count: 2,
          kvs: [{ key: 'net/1' }, { key: 'net/2' }],
        })
        expect(yield* client.delete('net/', { isPrefix: true })).toMatchObject({ deleted: 2 })
        yield* client.compact(put.revision + 1)
        expect(yield* client.get('net/1', { revision: put.revision })).toMatchObject({
          text: 'etcdserver: mvcc: required revision has been compacted',
          mayBeDone: false,
        })
        expect(yield* client.watch('net/', { revision: 1 }).next()).toMatchObject({
          compactRevision: put.revision + 1,
        })
      })(),
    )
  })

  it('keeps a lease while it runs, through a new leader, and loses it with a quorum', () => {
    const bench = new EtcdBench()
    const client = new V3Client(bench.programs[0]!, { endpoints: bench.endpoints })
    bench.finish(
      (function* (): Process {
        const { id } = (yield* client.grant(6)) as V3LeaseResult
        yield* client.put('lease', 'held', { lease: id })
        const keeper = client.keepAlive(id)
        bench.leader.crash()
        yield* sleep(12 * SECOND)
        expect(yield* client.get('lease')).toMatchObject({ count: 1 })
        keeper.stop()
        yield* sleep(10 * SECOND)
        expect(yield* client.get('lease')).toMatchObject({ count: 0 })
        const other = (yield* client.grant(5)) as V3LeaseResult
        const lost = client.keepAlive(other.id)
        yield* sleep(SECOND)
        bench.leader.crash()
        expect(yield* lost.ended.wait(20 * SECOND)).toBe('lost')
      })(),
      90 * SECOND,
    )
  })

  it('tells a watcher each change once and in order while members die and come back', () => {
    const bench = new EtcdBench()
    const [writer, reader] = bench.programs.map(
      (program) => new V3Client(program, { endpoints: bench.endpoints, timeout: 10 * SECOND }),
    )
    const seen: number[] = []
    const written = new Set<number>()
    bench.programs[1]!.spawn(
      (function* (): Process {
        const watcher = reader!.watch('log/', { isPrefix: true })
        for (;;) {
          const batch = yield* watcher.next()
          if (batch === null || batch instanceof V3Error) throw new Error(batch?.text)
          for (const { kv } of batch.events) seen.push(kv.modRevision)
        }
      })(),
    )
    bench.finish(
      (function* (): Process {
        yield* sleep(SECOND)
        for (let i = 0; i < 60; i++) {
          const member = bench.cluster.members[Math.floor(i / 20) % 3]!
          if (i % 20 === 5) member.crash()
          if (i % 20 === 15) member.start()
          const put = yield* writer!.put(`log/${i}`, `${i}`)
          if (!(put instanceof V3Error)) written.add(put.revision)
          yield* sleep(200 * MILLISECOND)
        }
        yield* sleep(2 * SECOND)
      })(),
      120 * SECOND,
    )
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(new Set(seen).size).toBe(seen.length)
    for (const revision of written) expect(seen).toContain(revision)
    expect(written.size).toBeGreaterThan(40)
  })
})
