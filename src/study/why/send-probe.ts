import type { TraceEvent } from '../../measure/trace-recorder.ts'
import { addressOf, ownerOf, senderOf } from '../../scenario/build-workload.ts'
import type { EndpointRef } from '../../scenario/model.ts'
import type { World } from '../../scenario/world.ts'
import { SECOND } from '../../sim/units.ts'
import type { DatagramSocket } from '../../stack/datagram-socket.ts'
import type { SendError } from '../../stack/ipv4.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { ProbeRequest } from './request.ts'
import { type ConnectionOutcome, TcpProbe } from './tcp-probe.ts'

const TRACE = 1
/** Long enough for ARP to give up and for an error to come back. */
const PATIENCE = 5 * SECOND
/** Long enough for three repetitions of a SYN, and for data to be sent again after a loss. */
const PATIENCE_TCP = 15 * SECOND

/** The two ends of a probe as they are when it is sent. */
export interface ProbeEnds {
  readonly sender: NetNamespace
  /** Null where nobody has the address. */
  readonly receiver: NetNamespace | null
  readonly source: Ipv4Address
  readonly destination: Ipv4Address
}

/** What was sent, and what became of it as its programs know it. */
export interface SentProbe {
  readonly ends: ProbeEnds
  /** How long it is waited for, picoseconds. */
  readonly patience: number
  /** MTU of the path as the sender knew it. */
  readonly knownMtu: number
  /** What the system call answered; null when the packet was sent. */
  sendError(): SendError | 'EADDRNOTAVAIL' | null
  /** Null of a datagram. */
  connection(): ConnectionOutcome | null
  /** When it was through, picoseconds; null when it was not. */
  arrivedAt(events: readonly TraceEvent[]): number | null
}

/** Sends it at `at`, or at once when that is past. */
export function sendProbe(
  world: World,
  from: EndpointRef,
  to: EndpointRef,
  request: ProbeRequest,
  at: number,
): SentProbe {
  const sender = senderOf(world, from)
  const destination = addressOf(world, to)
  const ends: ProbeEnds = {
    sender,
    receiver: to.kind === 'address' ? ownerOf(world, to.address) : senderOf(world, to),
    source: addressOf(world, from),
    destination,
  }
  const knownMtu = sender.ipv4.pathMtu(destination)
  const start = Math.max(at, world.simulator.now)
  if (request.protocol !== 'tcp') return sendDatagram(world, ends, request, knownMtu, start)
  const probe = new TcpProbe(ends, request, TRACE)
  world.simulator.callAt(start, () => probe.start())
  return {
    ends,
    knownMtu,
    patience: PATIENCE_TCP,
    sendError: () => probe.connectError,
    connection: () => probe.outcome(),
    arrivedAt: () => probe.endedAt,
  }
}

function sendDatagram(
  world: World,
  ends: ProbeEnds,
  request: ProbeRequest,
  knownMtu: number,
  start: number,
): SentProbe {
  const { sender, receiver, destination } = ends
  const isUdp = request.protocol === 'udp'
  const socket = isUdp ? sender.sockets.openUdp()! : sender.sockets.openEcho()
  socket.trace = TRACE
  socket.ttl = request.ttl
  socket.pmtuDiscovery = request.dontFragment ? 'do' : 'want'
  const server = isUdp ? receiver?.sockets.openUdp(request.port) : null
  if (receiver && server) readAll(receiver, server)
  if (!isUdp) readAll(sender, socket)
  let error: SendError | null = null
  const program = sender.kernel.task('probe', () => {
    error =
      'identifier' in socket
        ? socket.request(destination, 1, request.size)
        : socket.sendTo(destination, request.port, request.size, 1)
    return false
  })
  world.simulator.callAt(start, () => program.wake())
  return {
    ends,
    knownMtu,
    patience: PATIENCE,
    sendError: () => error,
    connection: () => null,
    arrivedAt: (events) => arrivalOf(events, isUdp),
  }
}

/** A program that reads what comes to a socket: where work takes time, it has arrived only then. */
function readAll({ kernel }: NetNamespace, socket: DatagramSocket): void {
  const program = kernel.task('probe reader', () => socket.receive() !== null)
  socket.onReadable = () => program.wake()
}

/**
 * When the datagram, or the reply to the echo request, came to a socket. The trace is asked, for the
 * socket may be a workload's own.
 */
function arrivalOf(events: readonly TraceEvent[], isUdp: boolean): number | null {
  const [first] = events
  const arrival = events.find(
    ({ stage, kind, depth, packet }) =>
      stage === 'socket_receive' &&
      depth === 0 &&
      (isUdp ? packet === first!.packet : kind === 'echo-reply'),
  )
  return arrival?.time ?? null
}
