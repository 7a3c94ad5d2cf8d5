import type { Process } from '../../../sim/process.ts'
import type { Member, MemberEventType } from '../../gossip/serf/members.ts'
import { Condition } from '../../program/condition.ts'
import { Mailbox } from '../../program/mailbox.ts'
import type { Fibre } from '../../program/program.ts'
import { SerfHealth } from '../serf-health.ts'
import type { Command } from '../store/commands.ts'
import type { ConsulServer } from './server.ts'

interface PoolEvent {
  readonly type: MemberEventType
  readonly member: Member
}

/** What a server does while it leads: it ends sessions, reaps tombstones and keeps the catalog by gossip. */
export class Leading {
  private readonly server: ConsulServer
  /** Notified when something may be due earlier than it was. */
  private readonly sooner: Condition
  private events: Mailbox<PoolEvent>
  private fibres: Fibre<unknown>[] = []
  private dueAt = Infinity

  constructor(server: ConsulServer) {
    this.server = server
    this.sooner = new Condition(server.program)
    this.events = new Mailbox(server.program)
  }

  begin(): void {
    this.events = new Mailbox(this.server.program)
    this.start(this.lead())
  }

  end(): void {
    for (const fibre of this.fibres) fibre.cancel()
    this.fibres = []
    this.dueAt = Infinity
    this.server.service.stepDown()
  }

  /** Of the gossip pool; others than the leader do not care. */
  tell(event: PoolEvent): void {
    if (this.server.member.isLeader) this.events.put(event)
  }

  /** The service's timers may have changed. */
  touch(): void {
    if (this.server.service.nextDueAt() < this.dueAt) this.sooner.notify()
  }

  private start(body: Process): void {
    this.fibres.push(this.server.program.spawn(body))
  }

  /** Source: consul agent/consul/leader.go leaderLoop: a barrier, the timers, then what gossip says. */
  private *lead(): Process {
    const { member, service } = this.server
    // Everything of earlier terms is applied when a read of this one is confirmed.
    const barrier = yield* member.linearize(Infinity)
    if (barrier.kind !== 'applied') return
    service.lead(member.applied)
    this.start(this.keepHouse())
    yield* this.reconcile()
  }

  private *keepHouse(): Process {
    const { program, service } = this.server
    for (;;) {
      for (const command of service.due()) program.spawn(this.settle(command))
      this.dueAt = service.nextDueAt()
      yield* this.sooner.wait(this.dueAt - program.now)
    }
  }

  /** It fails with the leadership only: then the next leader's clocks begin anew. */
  private *settle(command: Command): Process {
    yield* this.server.proposals.propose(command)
  }

  private *reconcile(): Process {
    const { program, service, environment } = this.server
    const { settings, self } = environment
    const health = new SerfHealth(self.name, service.store.catalog)
    for (;;) {
      const end = program.now + settings.reconcileInterval
      for (const command of health.reconcile(this.server.poolMembers)) yield* this.settle(command)
      while (program.now < end) {
        const event = yield* this.events.take(end - program.now)
        const command = event === null ? null : health.commandFor(event)
        if (command !== null) yield* this.settle(command)
      }
    }
  }
}
