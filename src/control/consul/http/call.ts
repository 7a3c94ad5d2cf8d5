import type { HeaderList } from '../../http/headers.ts'
import type {
  Command,
  ConsulVersion,
  Query,
  QueryAnswer,
  Result,
  Session,
} from '../store/commands.ts'

export interface HttpRequest {
  readonly method: string
  /** Path and query as on the request line. */
  readonly target: string
  readonly body: Uint8Array
}

export interface HttpAnswer {
  readonly status: number
  /** As Go writes them: canonical names in order. Date and Content-Length are the HTTP server's. */
  readonly headers: HeaderList
  readonly body: Uint8Array
}

/** The agent that a client speaks to. */
export interface AgentIdentity {
  /** Sessions and checks without a node are on this one. */
  readonly node: string
  readonly datacenter: string
  readonly version: ConsulVersion
}

/** `default` = the leader by its lease, `consistent` = after a round to a quorum, `stale` = any server. */
export type Consistency = 'default' | 'consistent' | 'stale'

export interface ReadCall {
  readonly kind: 'read'
  readonly query: Query
  readonly consistency: Consistency
  /** Blocks until the answer's index passes it; 0 = answer at once. */
  readonly index: number
  /** Picoseconds; absent = the default. */
  readonly wait?: number
}

/** What an agent asks of a server, and a server of the leader; plain JSON. */
export type ConsulCall =
  | { readonly kind: 'apply'; readonly command: Command }
  | ReadCall
  | { readonly kind: 'renew'; readonly session: string }
  | { readonly kind: 'status'; readonly what: 'leader' | 'peers' }

/** What a server says; plain JSON. */
export type ConsulReply =
  | { readonly kind: 'result'; readonly result: Result }
  | {
      readonly kind: 'answer'
      readonly answer: QueryAnswer
      readonly knownLeader: boolean
      /** Picoseconds since this server heard the leader; 0 on the leader. */
      readonly lastContact: number
    }
  | { readonly kind: 'renewed'; readonly sessions: readonly Session[] }
  /** '' = there is no leader. */
  | { readonly kind: 'leader'; readonly address: string }
  | { readonly kind: 'peers'; readonly addresses: readonly string[] }
  | { readonly kind: 'error'; readonly text: string }

/** How the agent turns the reply into the answer that the client's request wants. */
export type Shape =
  | {
      readonly as:
        | 'true'
        | 'boolean'
        | 'session-id'
        | 'txn'
        | 'txn-read'
        | 'entries'
        | 'raw'
        | 'sessions'
        | 'status'
    }
  /** An unknown prefix is an error, but for the root. */
  | { readonly as: 'keys'; readonly prefix: string }
  | { readonly as: 'renewal'; readonly session: string }
  | { readonly as: 'nodes' | 'checks'; readonly consistency: Consistency }

export interface DecodedCall {
  readonly call: ConsulCall
  readonly shape: Shape
}

/** A server's failure after so many RPC hops: each adds its own words. */
export function rpcError(text: string, hops: number): string {
  return 'rpc error making call: '.repeat(hops) + text
}

/** What a client reads, with status 500, when no leader was found within the hold time. */
export const NO_LEADER = 'No cluster leader'
