/** etcd v3's API of one member, without raft, clock and network, which the member adds. */
import { RPC_ERRORS } from './errors.ts'
import type { Lessor } from './lessor.ts'
import type { KeyRecord } from './mvcc-store.ts'
import {
  type LeaderRequest,
  type LeaderResult,
  Planner,
  type V3Plan,
  type V3ServiceOptions,
} from './planner.ts'
import { DEFAULT_QUOTA_BYTES } from './quota.ts'
import { StateMachine, type V3Snapshot } from './state-machine.ts'
import type { ApplyResult, Command, Header, WatchRequest } from './types.ts'
import { WatchHub } from './watch-hub.ts'
import { type WatchSink, WatchStream } from './watch-stream.ts'

export class V3Service {
  private readonly machine: StateMachine
  private readonly hub: WatchHub
  private readonly planner: Planner

  constructor(options: V3ServiceOptions) {
    this.machine = new StateMachine({
      minLeaseTtlSeconds: options.minLeaseTtlSeconds,
      quotaBytes: options.quotaBytes ?? DEFAULT_QUOTA_BYTES,
      onChanges: (changes) => this.hub.notify(changes),
    })
    this.hub = new WatchHub(() => this.machine.store)
    this.planner = new Planner(options, this.machine)
  }

  get lessor(): Lessor {
    return this.machine.lessor
  }

  get revision(): number {
    return this.machine.store.revision
  }

  /** -1 before the first compaction. */
  get compactRevision(): number {
    return this.machine.store.compactRevision
  }

  /** All that is there now, in the order of the keys. */
  keys(): KeyRecord[] {
    return this.machine.store.range({ key: '', rangeEnd: '\0' }, this.revision)
  }

  isV3(path: string): boolean {
    return path.startsWith('/v3/')
  }

  /** What is to be done for one HTTP request. */
  plan(method: string, path: string, body: string): V3Plan {
    return this.planner.plan(method, path, body)
  }

  /**
   * Every committed command, on every member, in the log's order. Watches are told within it.
   * @param now picoseconds; only the leader's matters, for the expiry of leases.
   */
  apply(command: Command, now: number): ApplyResult {
    return this.machine.apply(command, now)
  }

  snapshot(): V3Snapshot {
    return this.machine.snapshot()
  }

  /** Watches stay, and catch up with what is new to them. */
  restore(snapshot: V3Snapshot): void {
    this.machine.restore(snapshot)
    this.hub.restore()
  }

  /** How many watches are behind; while there are any, `syncWatchers` is due every 100 ms. */
  get unsyncedWatchers(): number {
    return this.hub.unsyncedCount
  }

  /** Catches up to 512 watches up. @returns how many are still behind. */
  syncWatchers(): number {
    return this.hub.sync()
  }

  /** A stream of watches; what the client sends later goes to its `receive`. */
  watch(requests: readonly WatchRequest[], sink: WatchSink): WatchStream {
    const { hub, machine } = this
    const header = (revision: number): Header => this.planner.header(revision)
    const host = {
      hub,
      header,
      get store() {
        return machine.store
      },
    }
    const stream = new WatchStream(host, sink)
    stream.receive(requests)
    return stream
  }

  /**
   * For the leader: on others it is an error. 'expiring': the lease's time is over and its
   * revocation under way; to be asked again after the next entry is applied.
   */
  atLeader(request: LeaderRequest, now: number): LeaderResult | 'expiring' {
    const { lessor } = this
    if (!lessor.isPrimary) return { error: RPC_ERRORS.notLeader }
    const { id } = request
    if (request.type === 'keepAlive') {
      const ttl = lessor.renew(id, now)
      if (ttl === 'expiring') return ttl
      return { ttl: typeof ttl === 'number' ? ttl : 0, grantedTtl: 0, keys: [] }
    }
    const left = lessor.timeToLive(id, now)
    if (left === undefined) return { ttl: -1, grantedTtl: 0, keys: [] }
    const keys = request.keys ? lessor.keysOf(id) : []
    return { ttl: left.remaining, grantedTtl: left.granted, keys }
  }
}
