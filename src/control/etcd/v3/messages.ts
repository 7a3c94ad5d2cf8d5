/** The messages' fields in the order of etcdserverpb/rpc.proto, which grpc-gateway writes them in. */

/** `int`: a number; `id`: a decimal string, of 64 bits in both. An enum is its names by number. */
export type FieldType =
  | 'int'
  | 'id'
  | 'bool'
  | 'bytes'
  | 'string'
  | readonly string[]
  | (() => Message)

export interface Field {
  /** In JSON; its camel case is read too. */
  readonly json: string
  readonly camel: string
  /** In our types. */
  readonly name: string
  readonly type: FieldType
  readonly repeated: boolean
  /** The enum's name in error messages. */
  readonly enumName: string
}

export interface Message {
  readonly fields: readonly Field[]
  readonly byName: ReadonlyMap<string, Field>
}

function message(...fields: readonly Field[]): Message {
  const byName = new Map<string, Field>()
  for (const field of fields) byName.set(field.json, field).set(field.camel, field)
  return { fields, byName }
}

/** @param spec the field's name, followed by `*` when it is repeated. */
function field(spec: string, type: FieldType, name?: string, enumName = ''): Field {
  const json = spec.replace('*', '')
  const camel = json.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  return { json, camel, name: name ?? camel, type, repeated: spec.endsWith('*'), enumName }
}

const RANGE = 'etcdserverpb.RangeRequest'

const HEADER = message(
  field('cluster_id', 'id'),
  field('member_id', 'id'),
  field('revision', 'int'),
  field('raft_term', 'int'),
)
export const KEY_VALUE = message(
  field('key', 'bytes'),
  field('create_revision', 'int'),
  field('mod_revision', 'int'),
  field('version', 'int'),
  field('value', 'bytes'),
  field('lease', 'id'),
)
const header = field('header', () => HEADER)
const kvs = (name: string): Field => field(`${name}*`, () => KEY_VALUE)
const prevKv = field('prev_kv', () => KEY_VALUE)

export const RANGE_REQUEST = message(
  field('key', 'bytes'),
  field('range_end', 'bytes'),
  field('limit', 'int'),
  field('revision', 'int'),
  field('sort_order', ['NONE', 'ASCEND', 'DESCEND'], 'sortOrder', `${RANGE}_SortOrder`),
  field(
    'sort_target',
    ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'],
    'sortTarget',
    `${RANGE}_SortTarget`,
  ),
  field('serializable', 'bool'),
  field('keys_only', 'bool'),
  field('count_only', 'bool'),
  field('min_mod_revision', 'int'),
  field('max_mod_revision', 'int'),
  field('min_create_revision', 'int'),
  field('max_create_revision', 'int'),
)
export const RANGE_RESPONSE = message(
  header,
  kvs('kvs'),
  field('more', 'bool'),
  field('count', 'int'),
)
export const PUT_REQUEST = message(
  field('key', 'bytes'),
  field('value', 'bytes'),
  field('lease', 'id'),
  field('prev_kv', 'bool'),
  field('ignore_value', 'bool'),
  field('ignore_lease', 'bool'),
)
export const PUT_RESPONSE = message(header, prevKv)
export const DELETE_RANGE_REQUEST = message(
  field('key', 'bytes'),
  field('range_end', 'bytes'),
  field('prev_kv', 'bool'),
)
export const DELETE_RANGE_RESPONSE = message(header, field('deleted', 'int'), kvs('prev_kvs'))

const REQUEST_OP = message(
  field('request_range', () => RANGE_REQUEST),
  field('request_put', () => PUT_REQUEST),
  field('request_delete_range', () => DELETE_RANGE_REQUEST),
  field('request_txn', () => TXN_REQUEST),
)
const RESPONSE_OP = message(
  field('response_range', () => RANGE_RESPONSE),
  field('response_put', () => PUT_RESPONSE),
  field('response_delete_range', () => DELETE_RANGE_RESPONSE),
  field('response_txn', () => TXN_RESPONSE),
)
const COMPARE = message(
  field(
    'result',
    ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'],
    'result',
    'etcdserverpb.Compare_CompareResult',
  ),
  field(
    'target',
    ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'],
    'target',
    'etcdserverpb.Compare_CompareTarget',
  ),
  field('key', 'bytes'),
  field('version', 'int'),
  field('create_revision', 'int'),
  field('mod_revision', 'int'),
  field('value', 'bytes'),
  field('lease', 'id'),
  field('range_end', 'bytes'),
)
export const TXN_REQUEST: Message = message(
  field('compare*', () => COMPARE),
  field('success*', () => REQUEST_OP),
  field('failure*', () => REQUEST_OP),
)
export const TXN_RESPONSE: Message = message(
  header,
  field('succeeded', 'bool'),
  field('responses*', () => RESPONSE_OP),
)
export const COMPACTION_REQUEST = message(field('revision', 'int'), field('physical', 'bool'))
export const HEADER_ONLY = message(header)

const leaseId = field('ID', 'id', 'id')
const ttl = field('TTL', 'int', 'ttl')
export const LEASE_GRANT_REQUEST = message(ttl, leaseId)
export const LEASE_GRANT_RESPONSE = message(header, leaseId, ttl)
export const LEASE_ID_REQUEST = message(leaseId)
export const LEASE_TIME_TO_LIVE_REQUEST = message(leaseId, field('keys', 'bool'))
export const LEASE_TIME_TO_LIVE_RESPONSE = message(
  header,
  leaseId,
  ttl,
  field('grantedTTL', 'int', 'grantedTtl'),
  field('keys*', 'bytes'),
)
export const EMPTY_REQUEST = message()
const LEASE_STATUS = message(leaseId)
export const LEASE_LEASES_RESPONSE = message(
  header,
  field('leases*', () => LEASE_STATUS),
)

const ALARMS = ['NONE', 'NOSPACE', 'CORRUPT']
const alarm = field('alarm', ALARMS, 'alarm', 'etcdserverpb.AlarmType')
const alarmMember = field('memberID', 'id', 'memberId')
const ALARM_MEMBER = message(alarmMember, alarm)
export const ALARM_REQUEST = message(
  field(
    'action',
    ['GET', 'ACTIVATE', 'DEACTIVATE'],
    'action',
    'etcdserverpb.AlarmRequest_AlarmAction',
  ),
  alarmMember,
  alarm,
)
export const ALARM_RESPONSE = message(field('alarms*', () => ALARM_MEMBER))
export const STATUS_RESPONSE = message(
  header,
  field('version', 'string'),
  field('dbSize', 'int'),
  field('leader', 'id'),
  field('raftIndex', 'int'),
  field('raftTerm', 'int'),
  field('raftAppliedIndex', 'int'),
  field('errors*', 'string'),
  field('dbSizeInUse', 'int'),
)

const WATCH_CREATE_REQUEST = message(
  field('key', 'bytes'),
  field('range_end', 'bytes'),
  field('start_revision', 'int'),
  field('progress_notify', 'bool'),
  field('filters*', ['NOPUT', 'NODELETE'], 'filters', 'etcdserverpb.WatchCreateRequest_FilterType'),
  field('prev_kv', 'bool'),
  field('watch_id', 'id'),
)
const WATCH_CANCEL_REQUEST = message(field('watch_id', 'id'))
export const WATCH_REQUEST = message(
  field('create_request', () => WATCH_CREATE_REQUEST),
  field('cancel_request', () => WATCH_CANCEL_REQUEST),
  field('progress_request', () => EMPTY_REQUEST),
)
const EVENT = message(
  field('type', ['PUT', 'DELETE']),
  field('kv', () => KEY_VALUE),
  prevKv,
)
export const WATCH_RESPONSE = message(
  header,
  field('watch_id', 'id'),
  field('created', 'bool'),
  field('canceled', 'bool'),
  field('compact_revision', 'int'),
  field('cancel_reason', 'string'),
  field('events*', () => EVENT),
)
