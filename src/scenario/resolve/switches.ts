import {
  type SwitchOverrides,
  type SwitchProfile,
  switchProfile,
} from '../../fabric/switch-profiles.ts'
import type { BucketOptions } from '../../link/bucket-occupancy.ts'
import { hashRange } from '../../link/mac-hash.ts'
import type { MacTableOptions } from '../../link/mac-table.ts'
import type { SwitchModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { SwitchEntry } from '../schema/fabric.ts'
import type { Context } from './context.ts'

const BUCKETS_DEFAULT: BucketOptions = { hash: 'crc32', ways: 4, banks: 1 }

/** The profile of a switch with what the file says otherwise. */
export function resolveSwitch(context: Context, entry: SwitchEntry, path: Path): SwitchModel {
  const base = switchProfile(entry.profile)!
  const overrides: SwitchOverrides = {
    macTable: tableOf(context, entry, base, path),
    ...(entry.latency === undefined ? {} : { latency: entry.latency }),
    ...(entry.learnRate === undefined ? {} : { learnRate: entry.learnRate }),
    ...(entry.buffer === undefined ? {} : { bufferBytes: entry.buffer }),
    ...(entry.bufferAlpha === undefined ? {} : { bufferAlpha: entry.bufferAlpha }),
  }
  return {
    profile: { ...base, ...overrides, macTable: tableOf(context, entry, base, path) },
    portSecurity: entry.portSecurity ?? null,
    stormControl: entry.stormControl ?? null,
    reflective: entry.reflective,
  }
}

function tableOf(
  context: Context,
  entry: SwitchEntry,
  base: SwitchProfile,
  path: Path,
): MacTableOptions {
  const { capacity, ageing, organisation, hash, ways, banks } = entry.macTable
  const table = {
    capacity: capacity ?? base.macTable.capacity,
    ageing: ageing ?? base.macTable.ageing,
  }
  const own = {
    ...(hash === undefined ? {} : { hash }),
    ...(ways === undefined ? {} : { ways }),
    ...(banks === undefined ? {} : { banks }),
  }
  const isHashed =
    organisation === undefined
      ? 'hash' in own || 'ways' in own || 'banks' in own
      : organisation === 'hash'
  if (!isHashed) {
    const { buckets } = base.macTable
    return organisation === 'cam' || buckets === undefined ? table : { ...table, buckets }
  }
  const buckets = { ...BUCKETS_DEFAULT, ...base.macTable.buckets, ...own }
  checkBuckets(context, table.capacity, buckets, [...path, 'macTable'])
  return { ...table, buckets }
}

function checkBuckets(
  context: Context,
  capacity: number,
  buckets: BucketOptions,
  path: Path,
): void {
  const slots = buckets.ways * (buckets.banks ?? 1)
  if (!Number.isInteger(capacity / slots)) {
    const message = `${capacity} entries do not fill buckets of ${slots} evenly`
    const near = Math.max(1, Math.round(capacity / slots)) * slots
    const remedy = Number.isFinite(near) ? `capacity: ${near}` : 'give a capacity'
    context.report('conflict', path, message, remedy)
  } else if (capacity / slots > hashRange(buckets.hash)) {
    const message = `${buckets.hash} cannot tell ${capacity / slots} buckets apart`
    context.report('conflict', path, message, 'hash: crc32, or more ways')
  }
}
