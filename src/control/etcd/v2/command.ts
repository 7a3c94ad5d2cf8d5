/** Entries of the raft log that change the v2 store, as plain JSON values. */
import { MILLISECOND } from '../../../sim/units.ts'
import type { V2Error } from './errors.ts'
import type { V2Event } from './event.ts'
import type { TtlOptions, V2Store } from './store.ts'
import { CLUSTER_ROOT } from './tree.ts'

/** How often a leader whose store has TTLs proposes a SYNC. */
export const V2_SYNC_INTERVAL = 500 * MILLISECOND

/** A client's request. The expiration is absolute: the member that took the request worked it out. */
export interface V2RequestCommand extends TtlOptions {
  /** POST creates in order; QGET is a read that goes through the log. */
  readonly method: 'PUT' | 'POST' | 'DELETE' | 'QGET'
  readonly path: string
  readonly val?: string
  readonly dir?: boolean
  readonly prevValue?: string
  readonly prevIndex?: number
  readonly prevExist?: boolean
  readonly recursive?: boolean
  readonly sorted?: boolean
}

export type V2Command = V2RequestCommand | { readonly method: 'SYNC'; readonly time: number }

/** A SYNC has no result. */
export type V2Result = V2Event | V2Error | null

/** @param now the applying member's wall clock, for the TTLs in the result */
export function applyV2(store: V2Store, command: V2Command, now: number): V2Result {
  switch (command.method) {
    case 'SYNC':
      store.deleteExpiredKeys(command.time, now)
      return null
    case 'QGET':
      return store.get(command.path, command.recursive === true, command.sorted === true, now)
    case 'POST':
      return store.create(command.path, contentOf(command), true, command, now)
    case 'PUT':
      return put(store, command, now)
    case 'DELETE':
      return remove(store, command, now)
    default:
      return command satisfies never
  }
}

function put(store: V2Store, command: V2RequestCommand, now: number): V2Result {
  const { path, val = '', prevValue = '', prevIndex = 0, prevExist } = command
  if (prevExist === false) return store.create(path, contentOf(command), false, command, now)
  if (prevIndex > 0 || prevValue !== '') {
    return store.compareAndSwap(path, { prevValue, prevIndex }, val, command, now)
  }
  if (prevExist === true) return store.update(path, val, command, now)
  return store.set(path, contentOf(command), command, now)
}

function remove(store: V2Store, command: V2RequestCommand, now: number): V2Result {
  const { path, prevValue = '', prevIndex = 0 } = command
  if (prevIndex > 0 || prevValue !== '') {
    return store.compareAndDelete(path, { prevValue, prevIndex }, now)
  }
  return store.delete(path, command.dir === true, command.recursive === true, now)
}

function contentOf(command: V2RequestCommand): string | null {
  return command.dir === true ? null : (command.val ?? '')
}

/** Proposed by a leader: what its clock says is over ends, on every member alike. */
export function syncCommand(now: number): V2Command {
  return { method: 'SYNC', time: now }
}

export const MEMBERS_ROOT = `${CLUSTER_ROOT}/members`
export const CLUSTER_VERSION_PATH = `${CLUSTER_ROOT}/version`

/** A member's entry, made by the configuration change that adds it. @param id hexadecimal */
export function memberCreated(id: string, peerUrls: readonly string[]): V2Command {
  const val = JSON.stringify({ peerURLs: peerUrls })
  return { method: 'PUT', path: `${MEMBERS_ROOT}/${id}/raftAttributes`, val, prevExist: false }
}

/** What a member says of itself once it has started. */
export function memberPublished(
  id: string,
  name: string,
  clientUrls: readonly string[],
): V2Command {
  const val = JSON.stringify({ name, clientURLs: clientUrls })
  return { method: 'PUT', path: `${MEMBERS_ROOT}/${id}/attributes`, val }
}

/** The version that all members speak, set by the leader. */
export function clusterVersionSet(version: string): V2Command {
  return { method: 'PUT', path: CLUSTER_VERSION_PATH, val: version }
}
