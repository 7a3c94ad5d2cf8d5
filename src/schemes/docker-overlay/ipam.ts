import { KEY_NOT_FOUND, KvError } from '../../control/kv/store.ts'
import type { Process } from '../../sim/process.ts'
import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  overlaps,
  prefix,
} from '../../wire/ipv4-address.ts'
import { NO_ADDRESS_LEFT } from '../address-pool.ts'
import { BitHandle } from './bit-handle.ts'
import type { Datastore } from './datastore.ts'
import { goJson, sortedObject } from './go-json.ts'

const SPACE = 'GlobalDefault'
const CONFIG = `ipam/default/config/${SPACE}`
const DEFAULT_POOLS = 65_536

/** Not the store's fault: trying again does not help. */
const refusal = (text: string) => new KvError('exists', text)
export const POOL_OVERLAPS = 'Pool overlaps with other one on this address space'
const OVERLAPPING = refusal(POOL_OVERLAPS)
const POOL_NOT_FOUND = refusal('Pool not found')

/** Addresses of one network: its subnet, and the part of it from which they are chosen. */
export interface Pool {
  readonly subnet: Ipv4Prefix
  readonly range: Ipv4Prefix | null
}

/** `PoolID`. */
export function poolId({ subnet, range }: Pool): string {
  return idOf(subnet, range)
}

function idOf(subnet: Ipv4Prefix, range: Ipv4Prefix | null): string {
  const child = range === null ? '' : `/${formatPrefix(range)}`
  return `${SPACE}/${formatPrefix(subnet)}${child}`
}

interface PoolRecord {
  readonly ParentKey: { AddressSpace: string; Subnet: string; ChildSubnet: string }
  readonly Pool: string
  readonly Range?: { End: number; Start: number; Sub: string }
  readonly RefCount: number
}

type Subnets = Readonly<Record<string, PoolRecord>>

const NO_PARENT = { AddressSpace: '', Subnet: '', ChildSubnet: '' }

/** The default driver of address management (libnetwork/ipam) in the address space of the cluster. */
export class Ipam {
  private readonly datastore: Datastore
  /** Where this daemon's search for a default pool begins: behind the last one that it has given. */
  private firstPool = 0

  constructor(datastore: Datastore) {
    this.datastore = datastore
  }

  /** @param subnet null = the next of the default pools. */
  *requestPool(subnet: Ipv4Prefix | null, range: Ipv4Prefix | null): Process<Pool | KvError> {
    let chosen: Ipv4Prefix | null = null
    const done = yield* this.datastore.update(CONFIG, (value) => {
      const config = value === null ? null : (JSON.parse(value) as { Subnets: Subnets })
      const subnets = config?.Subnets ?? {}
      chosen = choose(subnets, subnet, this.firstPool)
      if (chosen === null) return OVERLAPPING
      const added = [...Object.entries(subnets), ...recordsOf(chosen, range)]
      // It keeps its scope in its first writing only.
      return goJson({ Scope: config === null ? 'global' : '', Subnets: sortedObject(added) })
    })
    if (done instanceof KvError) return configError(done)
    if (subnet === null) this.firstPool = poolAfter(chosen!)
    const pool = { subnet: chosen!, range }
    const bits = this.bitsOf(pool)
    const error = (yield* bits.create()) ?? (yield* bits.set(0))
    if (error instanceof KvError) return error
    const last = yield* bits.set(sizeOf(pool.subnet) - 1)
    return last instanceof KvError ? last : pool
  }

  /** A pool goes with the last that uses it, and with it what its addresses stood in. */
  *releasePool(pool: Pool): Process<KvError | null> {
    const id = poolId(pool)
    const done = yield* this.datastore.update(CONFIG, (value) => {
      const { Subnets } = JSON.parse(value ?? '{"Subnets":{}}') as { Subnets: Subnets }
      const { [id]: own, ...others } = Subnets
      if (own === undefined) return POOL_NOT_FOUND
      const parent = idOf(pool.subnet, null)
      const left = Object.entries(others).filter(([other]) => other !== parent)
      return goJson({ Scope: '', Subnets: sortedObject(left) })
    })
    if (done instanceof KvError) return configError(done)
    const path = `ipam/default/data/${idOf(pool.subnet, null)}`
    const data = yield* this.datastore.get(path)
    if (data instanceof KvError) return data
    return yield* this.datastore.delete(path, data)
  }

  private bitsOf({ subnet }: Pool): BitHandle {
    const id = idOf(subnet, null)
    return new BitHandle(this.datastore, `ipam/default/data/${id}`, id, sizeOf(subnet))
  }

  /** Every request begins with a look at the pools. */
  private *checkPool(pool: Pool): Process<KvError | null> {
    const config = yield* this.datastore.get(CONFIG)
    if (config === KEY_NOT_FOUND) return POOL_NOT_FOUND
    if (config instanceof KvError) return configError(config)
    const { Subnets } = JSON.parse(config.value) as { Subnets: Subnets }
    return poolId(pool) in Subnets ? null : POOL_NOT_FOUND
  }

  /** @param wanted null = the lowest that is free. */
  *requestAddress(pool: Pool, wanted: Ipv4Address | null): Process<Ipv4Address | KvError> {
    const missing = yield* this.checkPool(pool)
    if (missing !== null) return missing
    const { subnet, range } = pool
    if (wanted !== null) return yield* this.requestGiven(pool, wanted)
    const start = range === null ? 0 : (range.base - subnet.base) >>> 0
    const size = sizeOf(range ?? subnet)
    const ordinal = yield* this.bitsOf(pool).setAny(start, start + size - 1)
    if (ordinal instanceof KvError) return ordinal
    if (ordinal === 'none free') return refusal(NO_ADDRESS_LEFT)
    return (subnet.base + ordinal) | 0
  }

  private *requestGiven(pool: Pool, wanted: Ipv4Address): Process<Ipv4Address | KvError> {
    const text = formatIpv4(wanted)
    if (!contains(pool.subnet, wanted)) {
      const reason = "It does not belong to any of this network's subnets"
      return refusal(`Invalid address ${text}: ${reason}`)
    }
    const error = yield* this.bitsOf(pool).set((wanted - pool.subnet.base) >>> 0)
    if (error === null) return wanted
    return error instanceof KvError ? error : refusal(`Address already in use: ${text}`)
  }

  *releaseAddress(pool: Pool, address: Ipv4Address): Process<KvError | null> {
    const missing = yield* this.checkPool(pool)
    if (missing !== null) return missing
    return yield* this.bitsOf(pool).unset((address - pool.subnet.base) >>> 0)
  }
}

function configError(error: KvError): KvError {
  if (error.kind !== 'failed') return error
  const text = 'error getting pools config from store: could not get pools config from store: '
  return new KvError('failed', text + error.text)
}

export function sizeOf({ length }: Ipv4Prefix): number {
  return 2 ** (32 - length)
}

function choose(subnets: Subnets, wanted: Ipv4Prefix | null, first: number): Ipv4Prefix | null {
  const taken = Object.values(subnets).map(({ Pool: text }) => prefix(text))
  return choosePool(taken, wanted, first)
}

/**
 * @param first number of the default pool with which the search begins; it goes round.
 * @returns null when the subnet, or every default pool, overlaps one that is there.
 */
export function choosePool(
  taken: readonly Ipv4Prefix[],
  wanted: Ipv4Prefix | null,
  first: number,
): Ipv4Prefix | null {
  const isFree = (block: Ipv4Prefix) => !taken.some((other) => overlaps(block, other))
  if (wanted !== null) return isFree(wanted) ? wanted : null
  for (let i = 0; i < DEFAULT_POOLS; i++) {
    const block = { base: (10 << 24) | (((first + i) % DEFAULT_POOLS) << 8), length: 24 }
    if (isFree(block)) return block
  }
  return null
}

/** Number of the default pool behind one. */
export function poolAfter({ base }: Ipv4Prefix): number {
  return (((base >>> 8) & 0xffff) + 1) % DEFAULT_POOLS
}

/** A pool, and above a part of one its parent. */
function recordsOf(
  subnet: Ipv4Prefix,
  range: Ipv4Prefix | null,
): readonly (readonly [string, PoolRecord])[] {
  const Pool = formatPrefix(subnet)
  const parent = [idOf(subnet, null), { ParentKey: NO_PARENT, Pool, RefCount: 1 }] as const
  if (range === null) return [parent]
  const Start = (range.base - subnet.base) >>> 0
  const Range = { End: Start + sizeOf(range) - 1, Start, Sub: formatPrefix(range) }
  const ParentKey = { AddressSpace: SPACE, Subnet: Pool, ChildSubnet: '' }
  return [parent, [idOf(subnet, range), { ParentKey, Pool, Range, RefCount: 1 }]]
}
