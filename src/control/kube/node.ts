/** Node records as the API server of Kubernetes serves them, as far as networks need them. */
import { SECOND } from '../../sim/units.ts'
import type { Program } from '../program/program.ts'
import { rfc3339 } from '../program/wall-clock.ts'

export interface NodeMetadata {
  readonly name: string
  readonly resourceVersion?: string
  /** RFC 3339. */
  readonly creationTimestamp?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface NodeSpec {
  readonly podCIDR?: string
  readonly podCIDRs?: readonly string[]
}

export interface NodeStatus {
  readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  readonly conditions?: readonly Readonly<Record<string, string>>[]
}

export interface NodeRecord {
  readonly kind: 'Node'
  readonly apiVersion: 'v1'
  readonly metadata: NodeMetadata
  readonly spec: NodeSpec
  readonly status: NodeStatus
}

export type NodeEventType = 'ADDED' | 'MODIFIED' | 'DELETED'

export interface NodeEvent {
  readonly type: NodeEventType
  readonly object: NodeRecord
}

/** Why a request was refused (metav1.Status). */
export interface StatusRecord {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: object
  readonly status: 'Failure'
  readonly message: string
  readonly reason: string
  readonly code: number
}

export function failure(code: number, reason: string, message: string): StatusRecord {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  }
}

/** The program's real-time clock as records have it: in whole seconds. */
export function timestamp({ wallClock }: Program): string {
  return rfc3339(Math.floor(wallClock / SECOND) * SECOND)
}

export type Json = Readonly<Record<string, unknown>>

/** @returns null when the text is no JSON object. */
export function parseJson(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? (value as Json | null) : null
  } catch {
    return null
  }
}

/** RFC 7396; of maps and values a strategic merge patch does the same. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
