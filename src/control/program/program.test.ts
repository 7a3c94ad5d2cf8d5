import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../../sim/units.ts'
import { Condition } from './condition.ts'
import { Datagrams } from './datagrams.ts'
import { Mailbox } from './mailbox.ts'
import { Program } from './program.ts'
import { Stream, StreamListener } from './stream.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | null) =>
  bytes === null ? null : new TextDecoder().decode(bytes)

function twoPrograms(costs?: 'server-2020s') {
  const bench = new HostsOnSwitch(2, costs === undefined ? {} : { costs: COST_PROFILES[costs]! })
  const [a, b] = [1, 2].map((number) => new Program(bench.host(number).root, 'test'))
  return { bench, a: a!, b: b! }
}

/** Upper-cases what it reads until the other side ends. */
function* echo(program: Program, port: number): Process {
  const listener = StreamListener.open(program, port)!
  for (;;) {
    const stream = yield* listener.accept()
    if (stream === null) return
    program.spawn(serve(stream))
  }
}

function* serve(stream: Stream): Process {
  for (;;) {
    const content = yield* stream.read()
    if (content === null) break
    yield* stream.write(bytesOf(textOf(content)!.toUpperCase()))
  }
  stream.close()
}

describe('a program', () => {
  it('waits for messages, conditions and time, and gives up when it is told to', () => {
    const { bench, a } = twoPrograms()
    const mailbox = new Mailbox<string>(a)
    const condition = new Condition(a)
    const seen: unknown[] = []
    a.spawn(
      (function* (): Process {
        seen.push(yield* mailbox.take(5 * MILLISECOND), a.now / MILLISECOND)
        seen.push(yield* mailbox.take(5 * MILLISECOND), a.now / MILLISECOND)
        seen.push(yield* condition.wait(MILLISECOND), yield* condition.wait(), a.now / MILLISECOND)
      })(),
    )
    bench.simulator.callAt(2 * MILLISECOND, () => mailbox.put('first'))
    bench.simulator.callAt(20 * MILLISECOND, () => condition.notify())
    bench.simulator.run(SECOND)
    expect(seen).toEqual(['first', 2, null, 7, false, true, 20])
  })

  it('goes by a real-time clock that can be stepped, while its timers do not notice', () => {
    const { bench, a } = twoPrograms()
    const seen: number[] = []
    a.after(10 * MILLISECOND, () => seen.push(a.now, a.wallClock))
    bench.simulator.callAt(MILLISECOND, () => {
      bench.host(1).kernel.clockOffset = SECOND
    })
    bench.simulator.run(SECOND)
    expect(seen).toEqual([10 * MILLISECOND, 10 * MILLISECOND + SECOND])
  })

  it('ends fibres where they wait, running their finally blocks', () => {
    const { bench, a } = twoPrograms()
    const seen: string[] = []
    const fibre = a.spawn(
      (function* (): Process {
        try {
          yield* sleep(SECOND)
        } finally {
          seen.push('cleaned up')
        }
      })(),
    )
    bench.simulator.callAt(MILLISECOND, () => fibre.cancel())
    bench.simulator.run(2 * MILLISECOND)
    expect(seen).toEqual(['cleaned up'])
  })

  it.each([undefined, 'server-2020s'] as const)('talks over TCP, with costs %s', (costs) => {
    const { bench, a, b } = twoPrograms(costs)
    const seen: (string | null)[] = []
    b.spawn(echo(b, 80))
    a.spawn(
      (function* (): Process {
        const stream = yield* Stream.connect(a, bench.address(2), 80)
        if (typeof stream === 'string') throw new Error(stream)
        for (const text of ['one', 'two']) {
          yield* stream.write(bytesOf(text))
          seen.push(textOf(yield* stream.read()))
        }
        stream.close()
      })(),
    )
    bench.simulator.run(SECOND)
    expect(seen).toEqual(['ONE', 'TWO'])
    bench.expectBalance()
    for (const { kernel } of bench.hosts) expect(kernel.machine?.unaccounted ?? 0).toBe(0)
  })

  it.each([undefined, 'server-2020s'] as const)('sends datagrams, with costs %s', (costs) => {
    const { bench, a, b } = twoPrograms(costs)
    const seen: (string | null | number)[] = []
    b.spawn(
      (function* (): Process {
        const socket = Datagrams.open(b, 7946)!
        const datagram = (yield* socket.receive())!
        seen.push(textOf(datagram.content), datagram.from)
        seen.push((yield* socket.receive(MILLISECOND)) === null ? 'time-out' : 'another')
      })(),
    )
    a.spawn(
      (function* (): Process {
        yield* sleep(MICROSECOND)
        Datagrams.open(a)!.send(bench.address(2), 7946, bytesOf('x'.repeat(3000)))
      })(),
    )
    bench.simulator.run(SECOND)
    expect(seen).toEqual(['x'.repeat(3000), bench.address(1), 'time-out'])
    bench.expectBalance()
  })

  it('learns why there is no connection: refused, nobody there, or no answer in time', () => {
    const { bench, a } = twoPrograms()
    const seen: unknown[] = []
    a.spawn(
      (function* (): Process {
        seen.push(yield* Stream.connect(a, bench.address(2), 81))
        seen.push(yield* Stream.connect(a, bench.address(3), 81))
        bench.partition([1], [2])
        seen.push(yield* Stream.connect(a, bench.address(2), 80, 100 * MILLISECOND))
      })(),
    )
    bench.simulator.run(10 * SECOND)
    expect(seen).toEqual(['ECONNREFUSED', 'EHOSTUNREACH', 'timeout'])
    bench.expectBalance()
  })

  it('learns by keepalives that its peer is gone for good', () => {
    const { bench, a, b } = twoPrograms()
    const seen: unknown[] = []
    b.spawn(echo(b, 80))
    a.spawn(
      (function* (): Process {
        const stream = (yield* Stream.connect(a, bench.address(2), 80)) as Stream
        seen.push(yield* stream.read(), stream.error, Math.round(a.now / SECOND))
      })(),
    )
    bench.simulator.callAt(100 * SECOND, () => bench.partition([1], [2]))
    bench.simulator.run(99 * SECOND)
    expect(seen).toEqual([])
    bench.simulator.run(300 * SECOND)
    // Ten times 15 s after it was heard last, which a probe every 15 s had seen to before.
    expect(seen).toEqual([null, 'ETIMEDOUT', expect.any(Number)])
    expect(seen[2]).toBeGreaterThan(235)
    expect(seen[2]).toBeLessThanOrEqual(250)
    bench.expectBalance()
  })

  it('killed, goes no further, and the kernel ends its connections and frees its ports', () => {
    const { bench, a, b } = twoPrograms()
    const seen: unknown[] = []
    b.spawn(echo(b, 80))
    a.spawn(
      (function* (): Process {
        const stream = (yield* Stream.connect(a, bench.address(2), 80)) as Stream
        seen.push(yield* stream.read(), stream.error, a.now)
        seen.push(yield* Stream.connect(a, bench.address(2), 80))
      })(),
    )
    bench.simulator.callAt(MILLISECOND, () => b.kill())
    bench.simulator.callAt(2 * MILLISECOND, () => {
      const next = new Program(bench.host(2).root, 'test')
      seen.push(StreamListener.open(next, 80) !== null, b.isRunning)
    })
    bench.simulator.run(SECOND)
    expect(seen).toEqual([null, null, expect.any(Number), 'ECONNREFUSED', true, false])
    expect(seen[2]).toBeLessThan(1.1 * MILLISECOND)
    bench.expectBalance()
  })
})
