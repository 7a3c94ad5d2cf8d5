/** What the log's entries do to the store: the same on every member (etcdserver/apply.go of 3.4). */
import { checkPath, pathOf, runDelete, runPath, runPut } from './apply-txn.ts'
import { RPC_ERRORS, type RpcError } from './errors.ts'
import { type LeaseSnapshot, Lessor } from './lessor.ts'
import { type KeyRecord, type MvccSnapshot, MvccStore } from './mvcc-store.ts'
import { LEASE_COST_BYTES, putCost, txnCost } from './quota.ts'
import {
  type AlarmMember,
  type AlarmRequest,
  type ApplyResult,
  type Command,
  type CompactionRequest,
  type LeaseGrantRequest,
  type LeaseRevokeRequest,
  NO_LEASE,
  type PutRequest,
  type TxnRequest,
  type TxnResponse,
} from './types.ts'
import { WriteTxn } from './write-txn.ts'

export interface StateMachineOptions {
  readonly minLeaseTtlSeconds: number
  readonly quotaBytes: number
  /** Told of each revision's changes once they are visible. */
  readonly onChanges: (changes: readonly KeyRecord[]) => void
}

/** A plain JSON value. */
export interface V3Snapshot {
  readonly store: MvccSnapshot
  readonly leases: readonly LeaseSnapshot[]
  readonly alarms: readonly AlarmMember[]
}

export class StateMachine {
  store = new MvccStore()
  readonly lessor: Lessor
  private readonly quotaBytes: number
  private readonly onChanges: (changes: readonly KeyRecord[]) => void
  private alarms: AlarmMember[] = []

  constructor(options: StateMachineOptions) {
    this.lessor = new Lessor(options.minLeaseTtlSeconds)
    this.quotaBytes = options.quotaBytes
    this.onChanges = options.onChanges
  }

  /** @param now matters to the expiry of leases only, which only the leader's member looks at. */
  apply(command: Command, now: number): ApplyResult {
    switch (command.type) {
      case 'put':
        return this.put(command.request)
      case 'deleteRange':
        return { response: this.write((txn) => runDelete(this.store, txn, command.request)) }
      case 'txn':
        return this.txn(command.request)
      case 'compaction':
        return this.compact(command.request)
      case 'leaseGrant':
        return this.grant(command.request, now)
      case 'leaseRevoke':
        return this.revoke(command.request)
      case 'alarm':
        return { response: { alarms: this.alarm(command.request) } }
    }
  }

  /** Whether a request of that cost fits into what is left of the quota. */
  hasSpaceFor(cost: number): boolean {
    return cost === 0 || this.store.dbSize + cost < this.quotaBytes
  }

  /** A transaction that changes nothing, answered without the log. */
  readTxn(request: TxnRequest): TxnResponse | RpcError {
    const { store, lessor } = this
    const path = pathOf(store, request)
    const error = checkPath(store, lessor, path)
    if (error !== undefined) return error
    const response = runPath(store, new WriteTxn(store, lessor), path)
    return { ...response, header: { revision: store.revision } }
  }

  private put(request: PutRequest): ApplyResult {
    if (this.isOutOfSpace()) return { error: RPC_ERRORS.noSpace }
    // What does not fit is written all the same, and its client told otherwise: the quota has room.
    const fits = this.hasSpaceFor(putCost(request))
    if (request.lease !== NO_LEASE && !this.lessor.has(request.lease)) {
      return { error: RPC_ERRORS.leaseNotFound }
    }
    const needsKey = request.ignoreValue || request.ignoreLease
    if (needsKey && this.store.get(request.key, this.store.revision) === undefined) {
      return { error: RPC_ERRORS.keyNotFound }
    }
    const response = this.write((txn) => runPut(this.store, txn, request))
    return fits ? { response } : { error: RPC_ERRORS.noSpace }
  }

  private txn(request: TxnRequest): ApplyResult {
    const cost = txnCost(request)
    if (cost > 0 && this.isOutOfSpace()) return { error: RPC_ERRORS.noSpace }
    const fits = this.hasSpaceFor(cost)
    const path = pathOf(this.store, request)
    const error = checkPath(this.store, this.lessor, path)
    if (error !== undefined) return { error }
    const response = this.write((txn) => runPath(this.store, txn, path))
    if (!fits) return { error: RPC_ERRORS.noSpace }
    return { response: { ...response, header: { revision: this.store.revision } } }
  }

  private write<T>(run: (txn: WriteTxn) => T): T {
    const txn = new WriteTxn(this.store, this.lessor)
    const response = run(txn)
    txn.end()
    if (txn.changes.length > 0) this.onChanges(txn.changes)
    return response
  }

  private compact({ revision }: CompactionRequest): ApplyResult {
    const { store } = this
    if (revision <= store.compactRevision) return { error: RPC_ERRORS.compacted }
    if (revision > store.revision) return { error: RPC_ERRORS.futureRevision }
    store.compact(revision)
    return { response: { header: { revision: store.revision } } }
  }

  private grant(request: LeaseGrantRequest, now: number): ApplyResult {
    if (this.isOutOfSpace()) return { error: RPC_ERRORS.noSpace }
    const fits = this.hasSpaceFor(LEASE_COST_BYTES)
    const ttl = this.lessor.grant(request.id, request.ttl, now)
    if (typeof ttl !== 'number') return { error: ttl }
    if (!fits) return { error: RPC_ERRORS.noSpace }
    return { response: { header: { revision: this.store.revision }, id: request.id, ttl } }
  }

  /** Deletes the lease's keys in one revision, in byte order. */
  private revoke({ id }: LeaseRevokeRequest): ApplyResult {
    const { lessor } = this
    if (!lessor.has(id)) return { error: RPC_ERRORS.leaseNotFound }
    this.write((txn) => {
      for (const key of lessor.keysOf(id)) txn.deleteRange({ key, rangeEnd: '' })
      lessor.remove(id)
    })
    return { response: { header: { revision: this.store.revision } } }
  }

  private alarm({ action, memberId, alarm }: AlarmRequest): AlarmMember[] {
    const is = (each: AlarmMember): boolean => each.memberId === memberId && each.alarm === alarm
    if (action === 'GET') {
      return this.alarms.filter((each) => alarm === 'NONE' || each.alarm === alarm)
    }
    const existing = this.alarms.find(is)
    if (action === 'ACTIVATE') {
      if (existing !== undefined) return [existing]
      this.alarms.push({ memberId, alarm })
      return [{ memberId, alarm }]
    }
    if (existing === undefined) return []
    this.alarms = this.alarms.filter((each) => !is(each))
    return [existing]
  }

  get activeAlarms(): readonly AlarmMember[] {
    return this.alarms
  }

  private isOutOfSpace(): boolean {
    return this.alarms.some(({ alarm }) => alarm === 'NOSPACE')
  }

  snapshot(): V3Snapshot {
    const { store, lessor, alarms } = this
    return { store: store.snapshot(), leases: lessor.snapshot(), alarms: [...alarms] }
  }

  restore(snapshot: V3Snapshot): void {
    const { lessor } = this
    this.store = MvccStore.restore(snapshot.store)
    lessor.restore(snapshot.leases)
    this.alarms = [...snapshot.alarms]
    const { revision } = this.store
    for (const { key, lease } of this.store.range({ key: '', rangeEnd: '\0' }, revision)) {
      if (lease !== NO_LEASE) lessor.attach(lease, key)
    }
  }
}
