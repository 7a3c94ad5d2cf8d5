import { describe, expect, it } from 'vitest'
import { Simulator } from '../../../sim/simulator.ts'
import { SECOND } from '../../../sim/units.ts'
import { ipv4 } from '../../../wire/ipv4-address.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { bgpError } from '../wire/error.ts'
import type { BgpMessage, OpenMessage } from '../wire/message.ts'
import type { Connection, ConnectionEnd } from './connection.ts'
import { PeerSession } from './peer-session.ts'
import { BIRD_GRACEFUL_RESTART, BIRD_TIMERS, type NeighbourSettings } from './settings.ts'

const OWN = ipv4('10.0.0.5')
const LOWER = ipv4('10.0.0.1')
const HIGHER = ipv4('200.0.0.1')

/** A session whose peer is the test itself. */
class Bench {
  readonly simulator = new Simulator('1')
  readonly session: PeerSession
  /** When it wanted to connect, seconds. */
  readonly attempts: number[] = []
  readonly ends: ConnectionEnd[] = []
  established = 0

  constructor(settings: Partial<NeighbourSettings> = {}) {
    const { simulator } = this
    const clock = {
      get now() {
        return simulator.now
      },
      after: (duration: number, callback: () => void) => {
        let isOn = true
        simulator.callAt(simulator.now + duration, () => {
          if (isOn) callback()
        })
        return {
          cancel: () => {
            isOn = false
          },
        }
      },
    }
    const full: NeighbourSettings = {
      localAs: 65000,
      remoteAs: 65001,
      routerId: OWN,
      localAddress: OWN,
      remoteAddress: LOWER,
      timers: { ...BIRD_TIMERS, startDelay: 0 },
      isPassive: false,
      gracefulRestart: BIRD_GRACEFUL_RESTART,
      ...settings,
    }
    this.session = new PeerSession(full, clock, simulator.random.stream('session'), {
      isRestarting: false,
      connect: () => void this.attempts.push(simulator.now / SECOND),
      established: () => void this.established++,
      update: () => {},
      refresh: () => {},
      down: (end) => void this.ends.push(end),
      restartOver: () => {},
    })
  }

  /** Seconds. */
  run(duration: number): void {
    this.simulator.run(this.simulator.now + duration * SECOND)
  }

  /** The TCP connection that it wanted. */
  connected(): End {
    const end = new End(this.simulator)
    end.connection = this.session.connected(this.session.currentAttempt, end)!
    return end
  }

  /** A TCP connection of the peer's; null when it is not taken. */
  accepted(): End | null {
    const end = new End(this.simulator)
    const connection = this.session.accept(end)
    if (connection === null) return null
    end.connection = connection
    return end
  }

  up(open: Partial<OpenMessage> = {}): End {
    const end = this.connected()
    end.say({ ...OPEN, ...open }, { kind: 'keepalive' })
    return end
  }
}

/** The peer's end of a connection. */
class End {
  connection!: Connection
  isClosed = false
  /** What came, with the time, seconds. */
  readonly heard: { readonly message: BgpMessage; readonly at: number }[] = []
  private readonly simulator: Simulator

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  send(content: Uint8Array): void {
    const message = decodeMessage(content)
    if (message.kind === 'error') throw new Error(JSON.stringify(message))
    this.heard.push({ message, at: this.simulator.now / SECOND })
  }

  close(): void {
    this.isClosed = true
  }

  say(...messages: BgpMessage[]): void {
    for (const message of messages) this.connection.receive(encodeMessage(message))
  }

  get kinds(): string[] {
    return this.heard.map(({ message }) => message.kind)
  }

  /** Code and subcode of the NOTIFICATION that came last. */
  get notified(): number[] | null {
    const last = this.heard.at(-1)!.message
    return last.kind === 'notification' ? [last.error.code, last.error.subcode] : null
  }
}

const OPEN: OpenMessage = {
  kind: 'open',
  as: 65001,
  holdTime: 9,
  routerId: LOWER,
  capabilities: {
    ipv4Unicast: true,
    routeRefresh: true,
    fourOctetAs: 65001,
    gracefulRestart: null,
  },
}
const capabilities = (change: Partial<OpenMessage['capabilities']>) => ({
  capabilities: { ...OPEN.capabilities, ...change },
})

describe('a session', () => {
  it('goes through the states of RFC 4271', () => {
    const bench = new Bench()
    const { session } = bench
    expect(session.state).toBe('Idle')
    session.start()
    expect([session.state, bench.attempts]).toEqual(['Connect', [0]])
    const end = bench.connected()
    expect(session.state).toBe('OpenSent')
    expect(end.heard[0]!.message).toMatchObject({
      ...{ kind: 'open', as: 65000, holdTime: 240, routerId: OWN },
      capabilities: { fourOctetAs: 65000, gracefulRestart: { restartTime: 120, isAble: false } },
    })
    end.say(OPEN)
    expect([session.state, end.kinds]).toEqual(['OpenConfirm', ['open', 'keepalive']])
    end.say({ kind: 'keepalive' })
    expect([session.state, bench.established]).toEqual(['Established', 1])
    end.connection.lost()
    expect([session.state, bench.ends]).toEqual(['Active', [{ kind: 'lost' }]])
    bench.run(5)
    expect(session.state).toBe('Connect')
    session.stop(null)
    expect(session.state).toBe('Idle')
  })

  it('tries again after a refused attempt, and after one that takes too long', () => {
    const bench = new Bench()
    bench.session.start()
    bench.session.refused(bench.session.currentAttempt)
    bench.run(5)
    expect(bench.attempts).toHaveLength(2)
    expect(bench.attempts[1]).toBeGreaterThanOrEqual(3.75)
    bench.run(120)
    expect(bench.attempts).toHaveLength(3)
    // The answer to an attempt that was given up is of no use.
    bench.session.refused(bench.session.currentAttempt - 1)
    expect(bench.session.state).toBe('Connect')
  })

  it('only listens when it is passive', () => {
    const bench = new Bench({ isPassive: true })
    bench.session.start()
    bench.run(300)
    expect(bench.attempts).toEqual([])
    bench.accepted()!.say(OPEN, { kind: 'keepalive' })
    expect(bench.session.state).toBe('Established')
  })

  it.each([
    ['another AS', capabilities({ fourOctetAs: 65002 }), [2, 2]],
    ['a hold time of 2 s', { holdTime: 2 }, [2, 6]],
    ['no identifier', { routerId: 0 }, [2, 3]],
    ['two-octet AS numbers', capabilities({ fourOctetAs: null }), [2, 7]],
  ] as const)('refuses a peer with %s', (_, change, expected) => {
    const bench = new Bench()
    bench.session.start()
    const end = bench.connected()
    end.say({ ...OPEN, ...change })
    expect([end.notified, end.isClosed, bench.session.state]).toEqual([expected, true, 'Idle'])
  })

  it.each([
    ['OpenSent', [], { kind: 'keepalive' }, 1],
    ['OpenConfirm', [OPEN], OPEN, 2],
    ['Established', [OPEN, { kind: 'keepalive' }], OPEN, 3],
  ] as const)(
    'ends when a message comes that does not belong to %s',
    (state, before, message, n) => {
      const bench = new Bench()
      bench.session.start()
      const end = bench.connected()
      end.say(...before)
      expect(bench.session.state).toBe(state)
      end.say(message)
      expect([end.notified, end.isClosed]).toEqual([[5, n], true])
    },
  )
})

describe('the timers of a session', () => {
  it('keep it alive, the lower hold time counting, and end it when the peer is silent', () => {
    const bench = new Bench()
    bench.session.start()
    const end = bench.up()
    bench.run(4)
    end.say({ kind: 'keepalive' })
    bench.run(20)
    const keepalives = end.heard.filter(({ message }) => message.kind === 'keepalive')
    for (let i = 1; i < keepalives.length; i++) {
      const gap = keepalives[i]!.at - keepalives[i - 1]!.at
      expect(gap).toBeGreaterThanOrEqual(2.25)
      expect(gap).toBeLessThanOrEqual(3)
    }
    expect(new Set(keepalives.map(({ at }) => at % 1)).size).toBeGreaterThan(2)
    expect(end.notified).toEqual([4, 0])
    // 9 s after the last word.
    expect(end.heard.at(-1)!.at).toBe(13)
    expect(bench.ends).toMatchObject([{ kind: 'sent', error: { code: 4 } }])
  })

  it('are off when either side has a hold time of 0', () => {
    const bench = new Bench()
    bench.session.start()
    const end = bench.up({ holdTime: 0 })
    bench.run(1000)
    expect([end.kinds, bench.session.state]).toEqual([['open', 'keepalive'], 'Established'])
  })

  it('give a peer that never sends its OPEN four minutes', () => {
    const bench = new Bench()
    bench.session.start()
    const end = bench.connected()
    bench.run(239)
    expect(end.kinds).toEqual(['open'])
    bench.run(1)
    expect(end.notified).toEqual([4, 0])
  })

  it('keep it quiet after errors, twice as long after each, and forget them', () => {
    const bench = new Bench()
    const { session } = bench
    session.start()
    // With the fourth wait over the last error is 300 s ago, which is long enough to forget it.
    for (const wait of [60, 120, 240, 300, 60]) {
      const tried = bench.attempts.length
      bench.up().say(OPEN)
      expect(session.state).toBe('Idle')
      expect(bench.accepted()).toBeNull()
      bench.run(0.75 * wait - 0.1)
      expect(bench.attempts).toHaveLength(tried)
      bench.run(0.25 * wait + 0.2)
      expect(bench.attempts).toHaveLength(tried + 1)
    }
  })

  it('do not count a Cease as an error', () => {
    const bench = new Bench()
    bench.session.start()
    bench.up().say({ kind: 'notification', error: bgpError(6, 2) })
    expect(bench.session.state).toBe('Active')
    bench.run(5)
    expect(bench.attempts).toHaveLength(2)
  })
})

describe('of two connections at once', () => {
  it.each([
    ['the peer with the higher identifier keeps its own', HIGHER, true],
    ['we with the higher identifier keep ours', LOWER, false],
  ] as const)('%s', (_, routerId, keepsTheirs) => {
    for (const oursFirst of [true, false]) {
      const bench = new Bench()
      bench.session.start()
      const ours = bench.connected()
      const theirs = bench.accepted()!
      const open = { ...OPEN, routerId }
      for (const end of oursFirst ? [ours, theirs] : [theirs, ours]) end.say(open)
      const [kept, lost] = keepsTheirs ? [theirs, ours] : [ours, theirs]
      expect([lost.notified, lost.isClosed, kept.isClosed]).toEqual([[6, 7], true, false])
      kept.say({ kind: 'keepalive' })
      expect(bench.session.state).toBe('Established')
    }
  })

  it('an established one stays', () => {
    const bench = new Bench()
    bench.session.start()
    const first = bench.up({ routerId: HIGHER })
    const second = bench.accepted()!
    second.say({ ...OPEN, routerId: HIGHER })
    expect([second.notified, first.isClosed]).toEqual([[6, 7], false])
    expect(bench.ends).toEqual([])
  })

  it('the new one takes over when the peer is known to restart gracefully (RFC 4724)', () => {
    const bench = new Bench()
    bench.session.start()
    const gracefulRestart = {
      ...{ hasRestarted: false, restartTime: 60, isAble: true, hasForwarded: false },
    }
    const first = bench.up(capabilities({ gracefulRestart }))
    const second = bench.accepted()!
    expect([first.isClosed, bench.ends]).toEqual([true, [{ kind: 'lost' }]])
    second.say(OPEN, { kind: 'keepalive' })
    expect(bench.session.state).toBe('Established')
  })
})
