/** etcd's errors as gRPC statuses (etcdserver/api/v3rpc/rpctypes/error.go of 3.4). */

/** gRPC's status codes, as far as etcd uses them (google.golang.org/grpc/codes). */
export type RpcCode = 3 | 5 | 8 | 9 | 11 | 14

export interface RpcError {
  readonly code: RpcCode
  readonly message: string
}

/** grpc-gateway's HTTP status for each code (runtime.HTTPStatusFromCode of its v1). */
const HTTP_STATUS: Readonly<Record<RpcCode, number>> = {
  3: 400,
  5: 404,
  8: 429,
  9: 412,
  11: 400,
  14: 503,
}

const INVALID_ARGUMENT = 3
const NOT_FOUND = 5
const RESOURCE_EXHAUSTED = 8
const FAILED_PRECONDITION = 9
const OUT_OF_RANGE = 11
const UNAVAILABLE = 14

function error(code: RpcCode, text: string): RpcError {
  return { code, message: `etcdserver: ${text}` }
}

export const RPC_ERRORS = {
  emptyKey: error(INVALID_ARGUMENT, 'key is not provided'),
  keyNotFound: error(INVALID_ARGUMENT, 'key not found'),
  valueProvided: error(INVALID_ARGUMENT, 'value is provided'),
  leaseProvided: error(INVALID_ARGUMENT, 'lease is provided'),
  tooManyOps: error(INVALID_ARGUMENT, 'too many operations in txn request'),
  duplicateKey: error(INVALID_ARGUMENT, 'duplicate key given in txn request'),
  requestTooLarge: error(INVALID_ARGUMENT, 'request is too large'),
  compacted: error(OUT_OF_RANGE, 'mvcc: required revision has been compacted'),
  futureRevision: error(OUT_OF_RANGE, 'mvcc: required revision is a future revision'),
  noSpace: error(RESOURCE_EXHAUSTED, 'mvcc: database space exceeded'),
  tooManyRequests: error(RESOURCE_EXHAUSTED, 'too many requests'),
  leaseNotFound: error(NOT_FOUND, 'requested lease not found'),
  leaseExists: error(FAILED_PRECONDITION, 'lease already exists'),
  leaseTtlTooLarge: error(OUT_OF_RANGE, 'too large lease TTL'),
  noLeader: error(UNAVAILABLE, 'no leader'),
  notLeader: error(FAILED_PRECONDITION, 'not leader'),
  leaderChanged: error(UNAVAILABLE, 'leader changed'),
  stopped: error(UNAVAILABLE, 'server stopped'),
  timeout: error(UNAVAILABLE, 'request timed out'),
  timeoutDueToLeaderFail: error(
    UNAVAILABLE,
    'request timed out, possibly due to previous leader failure',
  ),
  timeoutDueToConnectionLost: error(
    UNAVAILABLE,
    'request timed out, possibly due to connection lost',
  ),
} as const

export function invalidArgument(message: string): RpcError {
  return { code: INVALID_ARGUMENT, message }
}

export function httpStatusOf(code: RpcCode): number {
  return HTTP_STATUS[code]
}
