import { type DropReason, dropReasonInfo } from '../../measure/drop-reason.ts'
import type { PacketKind, TraceEvent } from '../../measure/trace-recorder.ts'

/** A trace event with its place in the order of the trace. */
export interface Step {
  readonly order: number
  readonly event: TraceEvent
}

/** The stay of one copy of a packet at one node: namespace, switch or router. */
interface Visit {
  readonly node: string
  readonly steps: Step[]
  readonly parent: Visit | null
  /** The step that sent or handed the copy here; null where it began. */
  readonly via: Step | null
  readonly isByCable: boolean
}

export type Fate =
  | { readonly kind: 'delivered'; readonly end: Step }
  | { readonly kind: 'dropped'; readonly end: Step; readonly reason: DropReason }
  /** A question that reached others, of whom none was asked. */
  | { readonly kind: 'unanswered'; readonly end: Step }
  /** The trace ends while the packet waits. */
  | { readonly kind: 'waiting'; readonly end: Step }

/** One packet from its sender to where it ended, with what became of its other copies. */
export interface Journey {
  readonly kind: PacketKind
  readonly first: Step
  /** What the copy that matters met: the one that arrived, else the one that was lost. */
  readonly path: readonly Step[]
  readonly fate: Fate
  /** Cables that this copy crossed, of the fabric and between namespaces. */
  readonly hops: number
  /** Time that the copy told of stood in queues, from one step to the next, picoseconds. */
  readonly waited: number
  /** Drops of the other copies. */
  readonly otherDrops: readonly Step[]
  /** How often it was received. */
  readonly receptions: number
  /** Number of pieces in which it was seen; 0 when it was never cut. */
  readonly fragments: number
}

/** Where what is sent at a place comes in; see `cablesOf`. */
export type Cables = ReadonlyMap<string, string>

/** Sorts a trace into packets, in the order in which they were first seen. */
export function journeysOf(events: readonly TraceEvent[], cables: Cables): readonly Journey[] {
  const packets = new Map<number, Step[]>()
  for (const [order, event] of events.entries()) {
    const steps = packets.get(event.packet)
    if (steps === undefined) packets.set(event.packet, [{ order, event }])
    else steps.push({ order, event })
  }
  return [...packets.values()].map((steps) => journeyOf(steps, events, cables))
}

function journeyOf(steps: readonly Step[], events: readonly TraceEvent[], cables: Cables): Journey {
  const follower = new CopyFollower(cables)
  const visits = steps.map((step) => follower.add(step))
  const fate = fateOf(steps, events)
  const last = visits[steps.indexOf(fate.end)]!
  const path: Step[] = []
  let hops = 0
  let exit: Step | null = null
  for (let visit: Visit | null = last; visit !== null; visit = visit.parent) {
    path.unshift(...stepsTowards(visit, exit ?? fate.end, exit !== null, cables))
    if (visit.isByCable) hops++
    exit = visit.via
  }
  const shown = new Set(path)
  const parts = new Set(steps.map(({ event }) => event.part).filter((part) => part >= 0))
  return {
    kind: steps[0]!.event.kind,
    first: steps[0]!,
    path,
    fate,
    hops,
    waited: waitedIn(path),
    otherDrops: steps.filter((step) => step.event.drop !== null && !shown.has(step)),
    receptions: steps.filter(({ event: { stage, depth } }) => {
      return stage === 'socket_receive' && depth === 0
    }).length,
    fragments: parts.size,
  }
}

/** In rings, for neighbours, for programs: what a step says that waits, until the next step. */
function waitedIn(path: readonly Step[]): number {
  let waited = 0
  for (const [index, { event }] of path.entries()) {
    const next = path[index + 1]
    if (event.stage === 'queue' && next !== undefined) waited += next.event.time - event.time
  }
  return waited
}

/** Steps of a visit that belong to the copy which leaves by `exit`, or ends there. */
function stepsTowards(visit: Visit, exit: Step, isLeaving: boolean, cables: Cables): Step[] {
  // What enters or leaves in pieces is told of one of them.
  const part = isLeaving ? exit.event.part : visit.steps[0]!.event.part
  return visit.steps.filter(({ order, event }) => {
    if (order > exit.order) return false
    if (event.drop !== null && order !== exit.order) return false
    if (event.part >= 0 && part >= 0 && event.part !== part) return false
    if (event.stage === 'macvlan' || event.stage === 'ipvlan') return order === exit.order
    const isOtherExit = event.stage === 'transmit' && cables.has(event.place)
    return !isOtherExit || event.place === exit.event.place
  })
}

interface Located {
  readonly visit: Visit
  readonly step: Step
}

/**
 * Follows the copies of one packet. A step belongs to the visit into which a cable leads, else to the
 * latest one at its node; else it was handed over within a machine, by the row that names the device
 * or by what happened just before.
 */
class CopyFollower {
  private readonly cables: Cables
  private readonly byNode = new Map<string, Visit[]>()
  /** Copies on a cable, by the place into which it leads. */
  private readonly underWay = new Map<string, Located[]>()
  /** The latest step whose row names a device, by that device's place. */
  private readonly naming = new Map<string, Located>()
  private previous: Located | null = null

  constructor(cables: Cables) {
    this.cables = cables
  }

  /** The visit to which the step belongs; steps come in their order. */
  add(step: Step): Visit {
    const { event } = step
    const visit =
      this.sameInstant(event) ??
      this.arrival(event) ??
      this.latestAt(event) ??
      this.open(event.place, this.naming.get(event.place) ?? this.previous, false)
    visit.steps.push(step)
    const located = { visit, step }
    this.previous = located
    const target = event.stage === 'transmit' ? this.cables.get(event.place) : undefined
    if (target !== undefined) push(this.underWay, target, located)
    const named = / dev (\S+) /.exec(event.row ?? '')?.[1]
    if (named !== undefined) this.naming.set(named, located)
    return visit
  }

  private open(place: string, from: Located | null, isByCable: boolean): Visit {
    const node = nodeOf(place)
    const via = from?.step ?? null
    const visit = { node, steps: [], parent: from?.visit ?? null, via, isByCable }
    push(this.byNode, node, visit)
    return visit
  }

  /** What follows at once at the same place is the same copy. */
  private sameInstant({ time, place, part }: TraceEvent): Visit | null {
    if (this.previous === null) return null
    const { event } = this.previous.step
    const isSame = time === event.time && place === event.place && part === event.part
    return isSame ? this.previous.visit : null
  }

  private arrival({ stage, place, part }: TraceEvent): Visit | null {
    if (stage !== null && stage !== 'receive' && stage !== 'switch') return null
    const copies = this.underWay.get(place) ?? []
    const sent = copies.find((each) => each.step.event.part === part) ?? copies[0]
    if (sent === undefined) return null
    copies.splice(copies.indexOf(sent), 1)
    return this.open(place, sent, true)
  }

  private latestAt({ place, part }: TraceEvent): Visit | null {
    const here = this.byNode.get(nodeOf(place)) ?? []
    const isSamePart = (step: Step) => step.event.part === part
    return here.findLast(({ steps }) => steps.some(isSamePart)) ?? here.at(-1) ?? null
  }
}

function push<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** `h1` of `h1/eth0`. */
function nodeOf(place: string): string {
  const slash = place.lastIndexOf('/')
  return slash < 0 ? place : place.slice(0, slash)
}

function fateOf(steps: readonly Step[], events: readonly TraceEvent[]): Fate {
  const reception = receptionOf(steps, events)
  if (reception !== undefined) return { kind: 'delivered', end: reception }
  const drops = steps.flatMap((end) =>
    end.event.drop === null ? [] : [{ end, reason: end.event.drop }],
  )
  const loss = drops.find(({ reason }) => dropReasonInfo(reason).kind === 'loss')
  if (loss !== undefined) return { kind: 'dropped', ...loss }
  const last = steps.at(-1)!
  if (isArp(steps)) return { kind: 'unanswered', end: last }
  const filtered = drops.at(-1)
  if (filtered === undefined || last.event.stage === 'queue') return { kind: 'waiting', end: last }
  return { kind: 'dropped', ...filtered }
}

function isArp(steps: readonly Step[]): boolean {
  return steps[0]!.event.kind === 'arp'
}

/** Where it got to whom it was meant for: a socket, the stack that answers, the table that learns. */
function receptionOf(steps: readonly Step[], events: readonly TraceEvent[]): Step | undefined {
  if (isArp(steps)) return steps.find((step) => isArpReception(step, events))
  const at = (stage: string) =>
    steps.find(({ event }) => event.stage === stage && event.depth === 0)
  const socket = at('socket_receive')
  if (socket !== undefined) return socket
  // Handing it to the local stack is the end only for what the kernel answers itself.
  const local = at('local_deliver')
  if (local === undefined) return undefined
  const refused = steps.some(
    ({ order, event }) =>
      order > local.order && event.drop !== null && event.place === local.event.place,
  )
  return refused ? undefined : local
}

/** Bystanders may learn from a question too, but only who was asked answers at once. */
function isArpReception({ order, event }: Step, events: readonly TraceEvent[]): boolean {
  if (event.stage !== 'arp') return false
  if (!isArpRequest(event)) return true
  const next = events[order + 1]
  return next?.kind === 'arp' && next.packet !== event.packet && next.place === event.place
}

export function isArpRequest({ kind, frame }: TraceEvent): boolean {
  return kind === 'arp' && frame.includes('ARP, Request')
}
