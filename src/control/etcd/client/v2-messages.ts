/** What the v2 client (github.com/coreos/etcd/client) hands to its user. */

/** A node as the keys API writes it. A file has a value, a directory `dir`. */
export interface V2KeyNode {
  readonly key: string
  readonly dir?: boolean
  readonly value?: string
  readonly nodes?: readonly V2KeyNode[]
  readonly createdIndex: number
  readonly modifiedIndex: number
  /** RFC 3339. */
  readonly expiration?: string
  /** Seconds. */
  readonly ttl?: number
}

export interface V2Response {
  readonly action: string
  readonly node: V2KeyNode
  readonly prevNode?: V2KeyNode
  /** X-Etcd-Index. */
  readonly index: number
}

export const V2_KEY_NOT_FOUND = 100
export const V2_TEST_FAILED = 101
export const V2_NOT_FILE = 102
export const V2_NOT_DIRECTORY = 104
export const V2_NODE_EXISTS = 105
/** The index is older than the events that are kept: read again, and watch from there. */
export const V2_EVENT_INDEX_CLEARED = 401

/** etcd's own answer that it did not do it. */
export class V2KeysError {
  readonly code: number
  readonly message: string
  readonly cause: string
  /** The store's index. */
  readonly index: number

  constructor(code: number, message: string, cause: string, index: number) {
    this.code = code
    this.message = message
    this.cause = cause
    this.index = index
  }

  get text(): string {
    return `${this.code}: ${this.message} (${this.cause}) [${this.index}]`
  }
}

/** No member gave an answer, or none that can be used. */
export class V2ClientError {
  readonly text: string
  /** Whether a member may have done what was asked for. */
  readonly mayBeDone: boolean

  constructor(text: string, mayBeDone: boolean) {
    this.text = text
    this.mayBeDone = mayBeDone
  }
}

export type V2Failure = V2KeysError | V2ClientError

export function isV2Failure(result: object): result is V2Failure {
  return result instanceof V2KeysError || result instanceof V2ClientError
}
