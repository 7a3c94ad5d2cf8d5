import { Durable } from '../raft/durable.ts'
import { Raft } from '../raft/raft.ts'

/** What a member is made of that decides whether the store keeps its promises. */
export interface MemberParts {
  raft(...of: ConstructorParameters<typeof Raft>): Raft
  /** The content of an empty disk. */
  durable(): Durable
}

export const SOUND_PARTS: MemberParts = {
  raft: (...of) => new Raft(...of),
  durable: () => new Durable(),
}
