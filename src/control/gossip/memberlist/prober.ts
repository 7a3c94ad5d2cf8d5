import type { Process } from '../../../sim/process.ts'
import type { Program } from '../../program/program.ts'
import { encodeMessage, type NamedEndpoint, type Ping, type Rumour } from '../wire/messages.ts'
import type { MemberlistConfig } from './config.ts'
import type { Membership } from './membership.ts'
import { isGone, type Node } from './node-table.ts'
import type { Packets, PendingPing } from './packets.ts'
import type { Streams } from './streams.ts'

/** Tests one node after the other: directly, then through others and by TCP, then suspects it. */
export class Prober {
  private readonly program: Program
  private readonly self: NamedEndpoint
  private readonly config: MemberlistConfig
  private readonly membership: Membership
  private readonly packets: Packets
  private readonly streams: Streams

  constructor(
    program: Program,
    self: NamedEndpoint,
    config: MemberlistConfig,
    membership: Membership,
    packets: Packets,
    streams: Streams,
  ) {
    this.program = program
    this.self = self
    this.config = config
    this.membership = membership
    this.packets = packets
    this.streams = streams
  }

  *probe(): Process {
    const isExcluded = ({ name, state }: Node): boolean => name === this.self.name || isGone(state)
    const forget = this.program.now - this.config.gossipToTheDeadTime
    const node = this.membership.nodes.next(isExcluded, forget)
    // A copy: what is suspected is the node as it was when the probe began.
    if (node !== null) yield* this.probeNode({ ...node })
  }

  private *probeNode(node: Node): Process {
    const { config, membership, program } = this
    const lifetime = membership.awareness.scale(config.probeInterval)
    const { pending, ping } = this.packets.newPing(node.name, lifetime)
    const deadline = program.now + lifetime
    if (this.sendPing(node, ping)) {
      const until = Math.min(deadline, program.now + config.probeTimeout)
      if (yield* pending.wait(until)) return membership.awareness.add(-1)
    }
    const asked = this.askOthers(node, ping)
    const byStream = program.spawn(this.streams.ping(node, ping, deadline))
    if (yield* pending.wait(deadline)) return membership.awareness.add(-1)
    if (yield* byStream.done.receive()) return membership.awareness.add(-1)
    membership.awareness.add(slownessShown(asked, pending))
    membership.suspect(this.suspicionOf(node))
  }

  /** A suspected node learns so at once: it can refute with its answer. */
  private sendPing(node: Node, ping: Ping): boolean {
    if (node.state === 'alive') return this.packets.send(node, ping)
    const messages = [ping, this.suspicionOf(node)].map(encodeMessage)
    return this.packets.sendKnown(node, messages)
  }

  private suspicionOf({ name, incarnation }: Node): Rumour {
    return { type: 'suspect', node: name, incarnation, from: this.self.name }
  }

  /** @returns how many were asked to ping the node. */
  private askOthers(target: Node, { sequence, source }: Ping): number {
    const others = this.membership.nodes.pick(
      this.config.indirectChecks,
      ({ name, state }) => name === this.self.name || name === target.name || state !== 'alive',
    )
    for (const other of others) {
      this.packets.send(other, { type: 'indirect-ping', sequence, target, source })
    }
    return others.length
  }
}

/** Those asked say so too when they get no answer. If they are silent, the fault may be one's own. */
function slownessShown(asked: number, { nacks }: PendingPing): number {
  return asked > 0 ? Math.max(0, asked - nacks) : 1
}
