/** Error codes of a NOTIFICATION (RFC 4271 section 4.5). */
export const ERROR = {
  header: 1,
  open: 2,
  update: 3,
  holdTimer: 4,
  fsm: 5,
  cease: 6,
} as const

export const HEADER_ERROR = { notSynchronised: 1, badLength: 2, badType: 3 } as const

/** Subcodes of errors in an OPEN; 7 is RFC 5492's. */
export const OPEN_ERROR = {
  version: 1,
  peerAs: 2,
  routerId: 3,
  parameter: 4,
  holdTime: 6,
  capability: 7,
} as const

export const UPDATE_ERROR = { attributeList: 1, wellKnown: 2, networkField: 10 } as const

/** Subcodes of an unexpected message (RFC 6608), by the state in which it came. */
export const FSM_ERROR = { openSent: 1, openConfirm: 2, established: 3 } as const

/** Subcodes of Cease (RFC 4486). */
export const CEASE = { shutdown: 2, deconfigured: 3, rejected: 5, collision: 7 } as const

/** What ends a session: the content of a NOTIFICATION. */
export interface BgpError {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

const NO_DATA = new Uint8Array(0)

export function bgpError(code: number, subcode: number, data: Uint8Array = NO_DATA): BgpError {
  return { code, subcode, data }
}

const NAMES = [
  'Unknown',
  'Message Header Error',
  'OPEN Message Error',
  'UPDATE Message Error',
  'Hold Timer Expired',
  'Finite State Machine Error',
  'Cease',
]

/** `Hold Timer Expired`, `Cease/7`: the code's name in RFC 4271, and the subcode where there is one. */
export function errorText({ code, subcode }: BgpError): string {
  const name = NAMES[code] ?? `Error ${code}`
  return subcode === 0 ? name : `${name}/${subcode}`
}
