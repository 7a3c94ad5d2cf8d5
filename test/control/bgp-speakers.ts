import type { Neighbour } from '../../src/control/bgp/neighbour.ts'
import type { Cancellable, Clock } from '../../src/control/bgp/session/clock.ts'
import type {
  Connection,
  ConnectionEnd,
  Transport,
} from '../../src/control/bgp/session/connection.ts'
import { BIRD_GRACEFUL_RESTART, BIRD_TIMERS } from '../../src/control/bgp/session/settings.ts'
import {
  BgpSpeaker,
  type NeighbourOptions,
  type SpeakerSettings,
  type SpeakerUser,
} from '../../src/control/bgp/speaker.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { formatPrefix, type Ipv4Address, type Ipv4Prefix } from '../../src/wire/ipv4-address.ts'

/** BGP speakers joined by pipes of bytes instead of TCP over a network: for tests of the protocol alone. */
export class BgpSpeakers {
  readonly simulator: Simulator
  private readonly speakers = new Map<Ipv4Address, PipedSpeaker>()
  /** Pairs between which nothing passes, as `low high`. */
  private readonly cuts = new Set<string>()

  constructor(seed = '1') {
    this.simulator = new Simulator(seed)
  }

  /** A speaker with one address, which is its identifier too. */
  add(as: number, address: Ipv4Address, settings: Partial<SpeakerSettings> = {}): PipedSpeaker {
    const speaker = new PipedSpeaker(this, as, address, settings)
    this.speakers.set(address, speaker)
    return speaker
  }

  /** Makes two speakers neighbours of each other; the first has the first options. */
  join(
    a: PipedSpeaker,
    b: PipedSpeaker,
    forA: Partial<NeighbourOptions> = {},
    forB: Partial<NeighbourOptions> = {},
  ): void {
    a.addNeighbour(b, forA)
    b.addNeighbour(a, forB)
  }

  start(): void {
    for (const { speaker } of this.speakers.values()) speaker.start()
  }

  run(duration: number): void {
    this.simulator.run(this.simulator.now + duration)
  }

  at(address: Ipv4Address): PipedSpeaker | undefined {
    return this.speakers.get(address)
  }

  /** From now on nothing passes, and nobody is told. */
  cut(a: PipedSpeaker, b: PipedSpeaker): void {
    this.cuts.add(pairOf(a.address, b.address))
  }

  isCut(a: Ipv4Address, b: Ipv4Address): boolean {
    return this.cuts.has(pairOf(a, b))
  }
}

function pairOf(a: Ipv4Address, b: Ipv4Address): string {
  return `${Math.min(a, b)} ${Math.max(a, b)}`
}

const DELAY = MILLISECOND

export class PipedSpeaker implements SpeakerUser {
  readonly address: Ipv4Address
  readonly as: number
  readonly clock: Clock
  readonly random
  readonly speaker: BgpSpeaker
  /** Next hops by destination. */
  readonly routes = new Map<string, readonly Ipv4Address[]>()
  readonly ends: ConnectionEnd[] = []
  private readonly net: BgpSpeakers

  constructor(
    net: BgpSpeakers,
    as: number,
    address: Ipv4Address,
    settings: Partial<SpeakerSettings>,
  ) {
    this.net = net
    this.as = as
    this.address = address
    this.clock = simulatedClock(net.simulator)
    this.random = net.simulator.random.stream(`speaker/${address}`)
    this.speaker = new BgpSpeaker({ as, routerId: address, ...settings }, this)
  }

  addNeighbour(other: PipedSpeaker, options: Partial<NeighbourOptions>): void {
    this.speaker.addNeighbour({
      remoteAs: other.as,
      localAddress: this.address,
      remoteAddress: other.address,
      timers: { ...BIRD_TIMERS, startDelay: 0 },
      isPassive: false,
      gracefulRestart: BIRD_GRACEFUL_RESTART,
      ...options,
    })
  }

  neighbour(other: PipedSpeaker): Neighbour {
    return this.speaker.neighbour(other.address)!
  }

  connect({ session, settings }: Neighbour): void {
    const attempt = session.currentAttempt
    const { net, address } = this
    const { remoteAddress } = settings
    this.clock.after(DELAY, () => {
      if (net.isCut(address, remoteAddress)) return
      const pipe = new Pipe(net, address, remoteAddress)
      const remote = net.at(remoteAddress)?.speaker.peerAt(address)
      const theirs = remote?.session.accept(pipe.end(true)) ?? null
      if (theirs === null) return session.refused(attempt)
      pipe.acceptor = theirs
      pipe.opener = session.connected(attempt, pipe.end(false))
      if (pipe.opener === null) pipe.end(false).close()
    })
  }

  setRoute(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void {
    const key = formatPrefix(prefix)
    if (nexthops.length === 0) this.routes.delete(key)
    else this.routes.set(key, nexthops)
  }

  wantFlush(): void {
    this.clock.after(0, () => this.speaker.flush())
  }

  stateChanged(_neighbour: Neighbour, end: ConnectionEnd | null): void {
    if (end !== null) this.ends.push(end)
  }
}

/** A connection between two speakers. */
class Pipe {
  opener: Connection | null = null
  acceptor: Connection | null = null
  private readonly net: BgpSpeakers
  private readonly from: Ipv4Address
  private readonly to: Ipv4Address

  constructor(net: BgpSpeakers, from: Ipv4Address, to: Ipv4Address) {
    this.net = net
    this.from = from
    this.to = to
  }

  end(isAcceptors: boolean): Transport {
    const { simulator } = this.net
    const other = () => (isAcceptors ? this.opener : this.acceptor)
    const deliver = (act: (connection: Connection) => void) => {
      simulator.callAt(simulator.now + DELAY, () => {
        const connection = other()
        if (connection !== null && !this.net.isCut(this.from, this.to)) act(connection)
      })
    }
    return {
      send: (content) => deliver((connection) => connection.receive(content)),
      close: () => deliver((connection) => connection.lost()),
    }
  }
}

function simulatedClock(simulator: Simulator): Clock {
  return {
    get now() {
      return simulator.now
    },
    after(duration: number, callback: () => void): Cancellable {
      let isCancelled = false
      simulator.callAt(simulator.now + duration, () => {
        if (!isCancelled) callback()
      })
      return {
        cancel: () => {
          isCancelled = true
        },
      }
    },
  }
}
