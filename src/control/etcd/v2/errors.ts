/** Errors of the keys API, with etcd's numbers and texts (etcd 3.4, errorcode.md). */

export const KEY_NOT_FOUND = 100
export const COMPARE_FAILED = 101
export const NOT_A_FILE = 102
export const NOT_A_DIRECTORY = 104
export const KEY_EXISTS = 105
export const ROOT_READ_ONLY = 107
export const DIRECTORY_NOT_EMPTY = 108
export const PREV_VALUE_REQUIRED = 201
export const TTL_NOT_A_NUMBER = 202
export const INDEX_NOT_A_NUMBER = 203
export const INVALID_FIELD = 209
export const INVALID_FORM = 210
export const REFRESH_WITH_VALUE = 211
export const REFRESH_WITHOUT_TTL = 212
export const RAFT_INTERNAL = 300
export const EVENT_INDEX_CLEARED = 401

const MESSAGES: ReadonlyMap<number, string> = new Map([
  [KEY_NOT_FOUND, 'Key not found'],
  [COMPARE_FAILED, 'Compare failed'],
  [NOT_A_FILE, 'Not a file'],
  [NOT_A_DIRECTORY, 'Not a directory'],
  [KEY_EXISTS, 'Key already exists'],
  [ROOT_READ_ONLY, 'Root is read only'],
  [DIRECTORY_NOT_EMPTY, 'Directory not empty'],
  [PREV_VALUE_REQUIRED, 'PrevValue is Required in POST form'],
  [TTL_NOT_A_NUMBER, 'The given TTL in POST form is not a number'],
  [INDEX_NOT_A_NUMBER, 'The given index in POST form is not a number'],
  [INVALID_FIELD, 'Invalid field'],
  [INVALID_FORM, 'Invalid POST form'],
  [REFRESH_WITH_VALUE, 'Value provided on refresh'],
  [REFRESH_WITHOUT_TTL, 'A TTL must be provided on refresh'],
  [RAFT_INTERNAL, 'Raft Internal Error'],
  [EVENT_INDEX_CLEARED, 'The event in requested index is outdated and cleared'],
])

/** HTTP statuses; every other code is a 400. */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [KEY_NOT_FOUND, 404],
  [COMPARE_FAILED, 412],
  [NOT_A_FILE, 403],
  [KEY_EXISTS, 412],
  [DIRECTORY_NOT_EMPTY, 403],
  [RAFT_INTERNAL, 500],
])

/** A refused request. A value and not a throw: a lost compare-and-swap is everyday business. */
export class V2Error {
  readonly code: number
  /** The key or field at fault, or what was compared. */
  readonly cause: string
  /** The store's index when it was refused; 0 for a form that never reached the store. */
  readonly index: number

  constructor(code: number, cause: string, index = 0) {
    this.code = code
    this.cause = cause
    this.index = index
  }

  get message(): string {
    return MESSAGES.get(this.code) ?? ''
  }

  get status(): number {
    return STATUSES.get(this.code) ?? 400
  }
}
