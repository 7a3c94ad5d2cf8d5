import type { Process } from '../../../sim/process.ts'
import { type Datastore, DatastoreError } from '../datastore/client.ts'
import type { IpamHandle } from '../datastore/model.ts'

const RETRIES = 100

/** Which blocks a handle has addresses of (libcalico-go/lib/ipam, ipam_handle.go). */
export class Handles {
  private readonly datastore: Datastore

  constructor(datastore: Datastore) {
    this.datastore = datastore
  }

  /** @returns the store's error, if it cannot be written. */
  *add(id: string, cidr: string, count: number): Process<DatastoreError | null> {
    for (let i = 0; i < RETRIES; i++) {
      const error = yield* this.tryAdd(id, cidr, count)
      if (error === null || error.kind === 'failed') return error
    }
    return new DatastoreError('failed', 'max retries hit')
  }

  private *tryAdd(id: string, cidr: string, count: number): Process<DatastoreError | null> {
    const { datastore } = this
    const known = yield* datastore.get('IpamHandle', id)
    if (known instanceof DatastoreError) {
      if (known.kind !== 'not-found') return known
      const handle: IpamHandle = { id, block: { [cidr]: count }, deleted: false }
      const made = yield* datastore.create('IpamHandle', id, handle)
      return made instanceof DatastoreError ? made : null
    }
    const { block } = known.value
    const next = { ...known.value, block: { ...block, [cidr]: (block[cidr] ?? 0) + count } }
    const done = yield* datastore.update('IpamHandle', id, next, known.revision)
    return done instanceof DatastoreError ? done : null
  }

  *remove(id: string, cidr: string, count: number): Process {
    for (let i = 0; i < RETRIES; i++) {
      const error = yield* this.tryRemove(id, cidr, count)
      if (error === null || error.kind !== 'conflict') return
    }
  }

  private *tryRemove(id: string, cidr: string, count: number): Process<DatastoreError | null> {
    const { datastore } = this
    const known = yield* datastore.get('IpamHandle', id)
    if (known instanceof DatastoreError) return known
    const { [cidr]: had = 0, ...others } = known.value.block
    const block = had > count ? { ...others, [cidr]: had - count } : others
    if (Object.keys(block).length === 0) {
      return yield* datastore.delete('IpamHandle', id, known.revision)
    }
    const next = { ...known.value, block }
    const done = yield* datastore.update('IpamHandle', id, next, known.revision)
    return done instanceof DatastoreError ? done : null
  }

  /** @returns the blocks of a handle; none when it is not there. */
  *blocks(id: string): Process<readonly string[] | DatastoreError> {
    const known = yield* this.datastore.get('IpamHandle', id)
    if (!(known instanceof DatastoreError)) return Object.keys(known.value.block)
    return known.kind === 'not-found' ? [] : known
  }
}
