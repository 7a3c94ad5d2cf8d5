import { SERF_DEFAULTS } from '../../control/gossip/serf/config.ts'
import type { Query, SerfEvent } from '../../control/gossip/serf/events.ts'
import { Serf } from '../../control/gossip/serf/serf.ts'
import { Mailbox } from '../../control/program/mailbox.ts'
import type { Program } from '../../control/program/program.ts'
import type { Process } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import {
  eventName,
  eventPayload,
  LOOKUP_QUERY,
  lookupAnswer,
  lookupPayload,
  type PeerEvent,
  parseAnswer,
  parseEvent,
  parseLookup,
} from './peer-messages.ts'
import type { Peer } from './peer-table.ts'

/** UserQuiescentPeriod and UserCoalescePeriod: events are held back until it has been quiet, or so long. */
const QUIET = 50 * MILLISECOND
const COALESCE = SECOND
/** How long an answer is waited for. */
const LOOKUP_TIMEOUT = SECOND

/** What the gossip asks of those who know the peers. */
export interface PeerListener {
  apply(event: PeerEvent): void
  find(network: string, address: Ipv4Address): Peer | null
}

interface UserEvent {
  readonly time: number
  readonly name: string
  readonly payload: Uint8Array
}

/** The driver's Serf: it tells the others which containers come and go, and asks for unknown ones. */
export class PeerGossip {
  private readonly program: Program
  private readonly serf: Serf
  private readonly address: Ipv4Address
  private readonly listener: PeerListener
  private readonly events: Mailbox<UserEvent>

  private constructor(
    program: Program,
    serf: Serf,
    address: Ipv4Address,
    listener: PeerListener,
    events: Mailbox<UserEvent>,
  ) {
    this.program = program
    this.serf = serf
    this.address = address
    this.listener = listener
    this.events = events
    program.spawn(this.applyEvents())
  }

  /** @param name of the host, unique in the cluster. @returns null when port 7946 is taken. */
  static start(
    program: Program,
    name: string,
    address: Ipv4Address,
    listener: PeerListener,
  ): PeerGossip | null {
    const events = new Mailbox<UserEvent>(program)
    const config = { ...SERF_DEFAULTS, name, address }
    const serf = Serf.start(program, config, (event) => receive(event, events, listener))
    return serf === null ? null : new PeerGossip(program, serf, address, listener, events)
  }

  /** @returns whether the cluster of this node was joined; what it told before is left out. */
  *join(address: Ipv4Address): Process<boolean> {
    const { port } = SERF_DEFAULTS
    return (yield* this.serf.join([{ address, port }], true)) > 0
  }

  tell(action: PeerEvent['action'], network: string, peer: Peer): void {
    this.serf.userEvent(eventName(network, peer), eventPayload(action, peer), true)
  }

  /** Asks all. @returns null when nobody has answered in time. */
  *resolve(network: string, address: Ipv4Address): Process<Peer | null> {
    const responses = this.serf.query(LOOKUP_QUERY, lookupPayload(network, address))
    const answer = yield* responses!.take(LOOKUP_TIMEOUT)
    return answer === null ? null : parseAnswer(answer.payload, address)
  }

  /** Of several events of one name only the last counts, so that a join and a leave end as the leave. */
  private *applyEvents(): Process {
    for (;;) {
      const first = (yield* this.events.take())!
      const held = new Map([[first.name, first]])
      const deadline = this.program.now + COALESCE
      for (;;) {
        const left = Math.min(QUIET, deadline - this.program.now)
        const next = left > 0 ? yield* this.events.take(left) : null
        if (next === null) break
        if (next.time >= (held.get(next.name)?.time ?? 0)) held.set(next.name, next)
      }
      for (const { name, payload } of held.values()) this.apply(name, payload)
    }
  }

  private apply(name: string, payload: Uint8Array): void {
    const event = parseEvent(name, payload)
    if (event !== null && event.peer.vtep !== this.address) this.listener.apply(event)
  }
}

function receive(event: SerfEvent, events: Mailbox<UserEvent>, listener: PeerListener): void {
  if (event.type === 'user') events.put(event)
  else if (event.type === 'query') answer(event.query, listener)
}

/** Whoever knows the peer answers from what it knows, which may be stale. */
function answer(query: Query, listener: PeerListener): void {
  const wanted = query.name === LOOKUP_QUERY ? parseLookup(query.payload) : null
  const peer = wanted === null ? null : listener.find(wanted.network, wanted.address)
  if (peer !== null) query.respond(lookupAnswer(peer))
}
