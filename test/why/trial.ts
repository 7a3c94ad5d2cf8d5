/** One trial of `encap why`: faults are drawn, causes are undone as they are named, until it arrives. */
import { Commands } from '../../src/host/commands.ts'
import { HostDevice } from '../../src/host/host-device.ts'
import type { World } from '../../src/scenario/world.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { type RandomStream, RandomStreams } from '../../src/sim/random.ts'
import type { Cause } from '../../src/study/why/cause.ts'
import { Whereabouts } from '../../src/study/why/whereabouts.ts'
import { type ProbeOutcome, type ProbeRequest, traceProbe } from '../../src/study/why.ts'
import { CASES, type FaultCase, worldOf } from './cases.ts'
import { drawFaults, type Fault, faultsOf } from './faults.ts'

export interface Trial {
  readonly name: string
  readonly faults: readonly string[]
  /** Causes that were named, in their order. */
  readonly named: readonly Cause[]
  /** Null when all went well. */
  readonly miss: string | null
}

const LONG = 1000
/** More devices than this in the way of one probe there are not. */
const ROUNDS = 4
/** How often faults that do not hurt are drawn again. */
const DRAWS = 3

export function tryFaults(seed: string, number: number): Trial {
  const random = new RandomStreams(seed).stream('why')
  const of = CASES[number % CASES.length]!
  const count = [0, 1, 1, 1, 1, 1, 1, 1, 2, 2][random.integer(0, 9)]!
  const request = requestOf(random, of)
  return new Attempt(of, request, seed, count).run()
}

function requestOf(random: RandomStream, { at }: FaultCase): ProbeRequest {
  const protocol = (['icmp', 'icmp', 'udp', 'tcp'] as const)[random.integer(0, 3)]!
  const size = [56, LONG][random.integer(0, 1)]!
  const dontFragment = random.integer(0, 1) === 1
  return { from: 'a', to: 'c', at, protocol, port: 5001, size, dontFragment, ttl: 64 }
}

class Attempt {
  private readonly of: FaultCase
  private readonly request: ProbeRequest
  private readonly seed: string
  private readonly count: number
  private readonly undone = new Set<number>()
  private readonly repairs: Cause[] = []
  private readonly named: Cause[] = []
  private faults: readonly Fault[] = []
  private draw = 0

  constructor(of: FaultCase, request: ProbeRequest, seed: string, count: number) {
    this.of = of
    this.request = request
    this.seed = seed
    this.count = count
  }

  run(): Trial {
    this.drawHarm()
    let miss: string | null = 'it names one cause after the other'
    for (let round = 0; round < ROUNDS; round++) {
      const { delivered, cause } = this.probe()
      if (delivered) {
        miss = cause === null ? null : 'it arrives, and a cause is named'
        break
      }
      if (cause === null) {
        miss = 'it does not arrive, and no cause is named'
        break
      }
      this.named.push(cause)
      if (!this.undo(cause)) {
        miss = `undoing ${cause.kind} ${cause.finding} ${cause.place} ${cause.subject} is not what helps`
        break
      }
    }
    const { protocol, size, dontFragment } = this.request
    const probe = `${protocol} ${size}${dontFragment ? ' DF' : ''}`
    const faults = this.faults.map(({ text }) => text)
    return { name: `${this.of.name}, ${probe}`, faults, named: this.named, miss }
  }

  /** Most rows matter to nobody: faults are drawn again a few times until they hurt, where any are wanted. */
  private drawHarm(): void {
    if (this.count === 0) return
    for (let draw = 0; draw < DRAWS && this.probe().delivered; draw++) this.draw++
  }

  private probe(): ProbeOutcome {
    const outcome = traceProbe(worldOf(this.of), builtinSchemes, this.request, (world) => {
      const kinds = faultsOf(world, ['h1', 'h2'])
      this.faults = drawFaults(
        kinds,
        new RandomStreams(this.seed).stream(`faults/${this.draw}`),
        this.count,
      )
      for (const [number, fault] of this.faults.entries()) {
        if (!this.undone.has(number)) fault.apply()
      }
      for (const cause of this.repairs) repair(world, cause)
    })
    if ('problem' in outcome) throw new Error(outcome.problem)
    return outcome
  }

  /** @returns false when the cause is none of the faults, and nothing that can be put out of the way. */
  private undo(cause: Cause): boolean {
    for (const [number, fault] of this.faults.entries()) {
      if (this.undone.has(number) || !fault.isNamedBy(cause)) continue
      this.undone.add(number)
      return true
    }
    if (cause.finding !== 'present' || !['rule', 'mtu'].includes(cause.kind)) return false
    this.repairs.push(cause)
    return true
  }
}

/** Puts out of the way exactly what the cause names. */
function repair(world: World, cause: Cause): void {
  const where = new Whereabouts(world)
  if (cause.kind === 'rule') {
    const namespace = where.namespace(cause.place)!
    new Commands(namespace).iptables.run(cause.subject.replace(' -A ', ' -D '))
    return
  }
  const device = where.device(cause.place)
  if (device instanceof HostDevice) device.setMtu(9000)
}
