import type { Process } from '../../../sim/process.ts'
import type { Member } from '../../cluster/member.ts'
import { Deferred } from '../../program/deferred.ts'
import type { Fibre, Program } from '../../program/program.ts'
import type { Command, Result } from '../store/commands.ts'

/** hashicorp/raft ErrLeadershipLost and ErrNotLeader. After the first the command may yet be applied. */
export const LEADERSHIP_LOST = 'leadership lost while committing log'
const NOT_LEADER = 'node is not the leader'

interface Proposal {
  readonly done: Deferred<Result>
  readonly fibre: Fibre<void>
}

/** Commands that wait for their entry. hashicorp/raft fails them with the leadership; they have no time-out. */
export class Proposals {
  private readonly program: Program
  private readonly member: Member
  private readonly pending = new Map<unknown, Proposal>()

  constructor(program: Program, member: Member) {
    this.program = program
    this.member = member
  }

  /** @param command an object of its own for each proposal. */
  *propose(command: Command): Process<Result> {
    const { program, pending } = this
    const done = new Deferred<Result>(program)
    pending.set(command, { done, fibre: program.spawn(this.perform(command, done)) })
    try {
      return (yield* done.wait()) ?? failed(LEADERSHIP_LOST)
    } finally {
      pending.get(command)?.fibre.cancel()
      pending.delete(command)
    }
  }

  private *perform(command: Command, done: Deferred<Result>): Process {
    const outcome = yield* this.member.propose<Result>(command, Infinity)
    if (outcome.kind === 'applied') done.settle(outcome.result)
  }

  /** This member leads no more when it comes to it. */
  refuse(command: unknown): void {
    this.pending.get(command)?.done.settle(failed(NOT_LEADER))
  }

  loseAll(): void {
    for (const { done, fibre } of this.pending.values()) {
      fibre.cancel()
      done.settle(failed(LEADERSHIP_LOST))
    }
  }
}

function failed(text: string): Result {
  return { kind: 'error', text }
}
