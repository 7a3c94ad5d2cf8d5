import type { Ipv4Address, Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { PathAttributes } from './attributes.ts'
import type { BgpError } from './error.ts'

/** The TCP port of BGP. */
export const BGP_PORT = 179

/** Message types (RFC 4271 section 4.1, RFC 2918). */
export const MESSAGE = {
  open: 1,
  update: 2,
  notification: 3,
  keepalive: 4,
  routeRefresh: 5,
} as const

export const HEADER_BYTES = 19
export const MESSAGE_BYTES_MAX = 4096

/** RFC 4724 section 3, of IPv4 unicast, the one family that we speak. */
export interface GracefulRestartCapability {
  /** R: the speaker has restarted. */
  readonly hasRestarted: boolean
  /** Seconds within which it expects to be back. */
  readonly restartTime: number
  /** Whether the family is listed: only then its routes are kept. */
  readonly isAble: boolean
  /** F: it went on forwarding meanwhile. */
  readonly hasForwarded: boolean
}

export interface Capabilities {
  /** Whether IPv4 unicast is spoken: by announcement, or because no family is announced at all. */
  readonly ipv4Unicast: boolean
  readonly routeRefresh: boolean
  /** The AS number in four octets (RFC 6793); null = the peer knows two only. */
  readonly fourOctetAs: number | null
  readonly gracefulRestart: GracefulRestartCapability | null
}

export interface OpenMessage {
  readonly kind: 'open'
  /** The two-octet field: AS_TRANS for a larger number. */
  readonly as: number
  /** Seconds. */
  readonly holdTime: number
  readonly routerId: Ipv4Address
  readonly capabilities: Capabilities
}

export interface UpdateMessage {
  readonly kind: 'update'
  readonly withdrawn: readonly Ipv4Prefix[]
  /**
   * Null without announced prefixes, and where they are malformed in a way that makes the announced
   * ones withdrawn (RFC 7606).
   */
  readonly attributes: PathAttributes | null
  readonly announced: readonly Ipv4Prefix[]
}

export interface NotificationMessage {
  readonly kind: 'notification'
  readonly error: BgpError
}

export interface KeepaliveMessage {
  readonly kind: 'keepalive'
}

export interface RouteRefreshMessage {
  readonly kind: 'route-refresh'
  readonly afi: number
  readonly safi: number
}

export type BgpMessage =
  | OpenMessage
  | UpdateMessage
  | NotificationMessage
  | KeepaliveMessage
  | RouteRefreshMessage

/** Address family of IPv4 unicast. */
export const AFI_IPV4 = 1
export const SAFI_UNICAST = 1

/** Stands in two-octet fields for a number that does not fit (RFC 6793). */
export const AS_TRANS = 23456

/** Whether an UPDATE marks the end of the initial routes of IPv4 unicast (RFC 4724 section 2). */
export function isEndOfRib({ withdrawn, announced, attributes }: UpdateMessage): boolean {
  return withdrawn.length === 0 && announced.length === 0 && attributes === null
}
