/**
 * Connections over a path with random faults: whatever happens, all bytes arrive once and in order, no
 * connection stands still while its path is up, both ends close, and every frame is accounted for.
 *
 * ENCAP_DEEP=1 runs a set of 10,000 seeds, `npm test` a twentieth of it: which one,
 * test/seeds.json says. ENCAP_TCP_SEED=tcp-123 runs one.
 */
import { describe, it } from 'vitest'
import { corruption, duplication, jitter, loss, reordering } from '../../src/link/fault-rules.ts'
import type { FaultRule } from '../../src/link/faulty-channel.ts'
import type { Port } from '../../src/link/port.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { Dice } from '../chaos/dice.ts'
import { seeds } from '../seeds.ts'
import { Bulk } from './bulk.ts'
import { Wan, type WanHost } from './wan.ts'

const SET = 10_000
const BATCH = 50

/** Faults come and go until then; afterwards the path is sound. */
const FAULTS_END = 20 * SECOND
/** By then a sound path must have carried everything, and both ends must have closed. */
const END = 200 * SECOND
const STALL_MAX = 10 * SECOND
const TICK = SECOND

/** One run: a path, its faults, and connections in both directions. */
class Trial {
  private readonly dice: Dice
  private readonly wan: Wan
  private readonly flows: Bulk[]
  /** Since when the path has been up in both directions; Infinity while it is not. */
  private upSince = 0
  /** Cuts of either direction that last. */
  private cuts = 0

  constructor(seed: string) {
    this.dice = new Dice(seed)
    const { dice } = this
    this.wan = new Wan({
      seed,
      rate: dice.pick([2e6, 10e6, 100e6, 1e9]),
      rtt: dice.pick([200 * MICROSECOND, 2 * MILLISECOND, 20 * MILLISECOND, 100 * MILLISECOND]),
      queueBytes: dice.pick([10_000, 50_000, 500_000]),
      cpus: dice.pick([0, 0, 1, 2, 4]),
    })
    this.flows = dice.times(dice.integer(1, 3), (i) => this.flow(5201 + i))
    for (let count = dice.integer(1, 6); count > 0; count--) this.schedule()
  }

  private flow(port: number): Bulk {
    const { dice, wan } = this
    const [from, to] = dice.chance(0.5) ? [wan.left, wan.right] : [wan.right, wan.left]
    const options = {
      congestion: dice.pick(['cubic', 'reno'] as const),
      ...dice.maybe(0.2, 'receiveBuffer', () => dice.pick([4096, 20_000, 200_000])),
      ...dice.maybe(0.2, 'sendBuffer', () => dice.pick([5000, 30_000, 200_000])),
      ...dice.maybe(0.2, 'noDelay', () => true),
    }
    const size = dice.pick([1, 1000, 20_000, 150_000, 400_000, 1_500_000])
    return new Bulk(wan, from, to, port, size, options, true)
  }

  private schedule(): void {
    const { dice, wan } = this
    const ends = dice.pick([[wan.leftEnd], [wan.rightEnd], [wan.leftEnd, wan.rightEnd]])
    const begin = dice.integer(0, 15) * dice.pick([0, 0.01, 0.1, 1]) * SECOND
    const length = dice.pick([0.05, 0.5, 3, 20]) * SECOND
    const end = Math.min(begin + length, FAULTS_END)
    if (dice.chance(0.3)) this.cut(ends, begin, Math.min(end, begin + 8 * SECOND))
    else for (const port of ends) this.spoil(port, this.rule(), begin, end)
  }

  private rule(): FaultRule {
    const { dice } = this
    const share = dice.pick([0.001, 0.01, 0.05, 0.1])
    const time = dice.pick([100 * MICROSECOND, 5 * MILLISECOND, 50 * MILLISECOND])
    return dice.pick([
      () => loss(share),
      () => duplication(share),
      () => reordering(share, time),
      () => jitter(time),
      () => corruption(share),
      () => corruption(share, true),
    ])()
  }

  private spoil(port: Port, rule: FaultRule, begin: number, end: number): void {
    const { simulator } = this.wan
    simulator.callAt(begin, () => port.channel.add(rule))
    simulator.callAt(end, () => port.channel.remove(rule))
  }

  private cut(ends: readonly Port[], begin: number, end: number): void {
    const { simulator } = this.wan
    simulator.callAt(begin, () => {
      this.cuts++
      this.upSince = Infinity
      for (const port of ends) port.setUp(false)
    })
    simulator.callAt(end, () => {
      this.cuts--
      // Cuts may overlap: the last one to end takes everything up again.
      if (this.cuts > 0) return
      this.upSince = simulator.now
      for (const port of [this.wan.leftEnd, this.wan.rightEnd]) port.setUp(true)
    })
  }

  run(): void {
    const { simulator, ledger } = this.wan
    for (let now = TICK; now <= END; now += TICK) {
      simulator.run(now)
      this.checkProgress()
      if (now > FAULTS_END && this.flows.every(({ isDone }) => isDone)) break
    }
    // What is still on its way arrives.
    simulator.run(simulator.now + SECOND)
    for (const flow of this.flows) {
      if (flow.error !== null) throw new Error(`broke off: ${flow.error}`)
      if (flow.wrongAt >= 0) throw new Error(`other content from byte ${flow.wrongAt} on`)
      if (flow.received !== flow.size) throw new Error(`${flow.received} of ${flow.size} bytes`)
      if (!flow.isDone) throw new Error(`${flow.closed} of 2 ends closed`)
    }
    if (ledger.imbalance() !== 0) throw new Error(`books off by ${ledger.imbalance()}`)
    if (ledger.held() !== 0) throw new Error(`${ledger.held()} frames are still held`)
    for (const host of [this.wan.left, this.wan.right]) this.checkCores(host)
  }

  /** Every cost stands in a core's account. */
  private checkCores({ namespace }: WanHost): void {
    const { machine } = namespace.kernel
    if (machine === null) return
    if (machine.unaccounted > 0) throw new Error(`${machine.unaccounted} charges outside of work`)
    for (const { account, busy } of machine.cores) {
      const sum = account.reduce((total, time) => total + time)
      if (sum !== busy) throw new Error(`stages take ${sum} ps of ${busy}`)
      if (busy > this.wan.simulator.now) throw new Error(`busy for ${busy} ps`)
    }
  }

  private checkProgress(): void {
    const { now } = this.wan.simulator
    for (const flow of this.flows) {
      if (flow.isDone || flow.received === flow.size) continue
      const stalled = now - Math.max(flow.progressAt, this.upSince)
      const patience = Math.max(STALL_MAX, 3 * flow.sender.info.rto)
      if (stalled > patience) {
        throw new Error(`no progress for ${stalled / SECOND} s, at ${flow.received} bytes`)
      }
    }
  }
}

function trial(seed: string): void {
  try {
    new Trial(seed).run()
  } catch (error) {
    const repeat = `ENCAP_TCP_SEED=${seed} npx vitest run test/tcp/faults`
    throw new Error(`${seed}: ${String(error)}\n${repeat}`, { cause: error })
  }
}

describe('connections over a path with faults', () => {
  const all = seeds('tcp', SET, 'ENCAP_TCP_SEED')
  const batches = Array.from({ length: Math.ceil(all.length / BATCH) }, (_, i) =>
    all.slice(i * BATCH, (i + 1) * BATCH),
  )

  it.each(batches.map((batch) => [batch[0]!, batch.at(-1)!, batch] as const))(
    '%s to %s',
    (_first, _last, batch) => {
      batch.forEach(trial)
    },
    120_000,
  )
})
