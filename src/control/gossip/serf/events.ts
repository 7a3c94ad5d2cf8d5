import type { Member, MemberEventType } from './members.ts'
import type { UserEventMessage } from './messages.ts'

/** A query of another node, or of this one. */
export interface Query {
  readonly name: string
  readonly payload: Uint8Array
  /** Name of the node that asks. */
  readonly from: string
  /** Answers by UDP, within a fibre. @returns false when it is too late or the answer too long. */
  respond(payload: Uint8Array): boolean
}

export type SerfEvent =
  | { readonly type: MemberEventType; readonly member: Member }
  | UserEventMessage
  | { readonly type: 'query'; readonly query: Query }
