import type { DropReason } from '../measure/drop-reason.ts'
import type { Holder, Ledger } from '../measure/ledger.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { RandomStream } from '../sim/random.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { Frame } from '../wire/frame.ts'

/** What a rule says of one frame. Rules run in their order; the first that drops ends the frame. */
export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'delay'; readonly delay: number }
  | { readonly kind: 'duplicate' }
  /** A bad FCS, which the next port sees; `undetected` passes it and breaks the transport checksum. */
  | { readonly kind: 'corrupt'; readonly undetected: boolean }

export interface FaultRule {
  readonly name: string
  judge(frame: Frame, random: RandomStream): Verdict
}

export const PASS: Verdict = { kind: 'pass' }

interface Receiver {
  accept(frame: Frame): void
}

/** One direction of a link with fault rules: applies them to each frame at the end of its journey. */
export class FaultyChannel implements Holder {
  readonly rules: FaultRule[] = []
  private readonly simulator: Simulator
  private readonly ledger: Ledger
  private readonly label: string
  private readonly random: RandomStream
  private readonly delayed = new Set<Delayed>()

  constructor(simulator: Simulator, ledger: Ledger, label: string) {
    this.simulator = simulator
    this.ledger = ledger
    this.label = label
    this.random = simulator.random.stream(`link/${label}`)
  }

  add(rule: FaultRule): void {
    this.rules.push(rule)
  }

  remove(rule: FaultRule): void {
    const at = this.rules.indexOf(rule)
    if (at >= 0) this.rules.splice(at, 1)
  }

  transmit(original: Frame, receiver: Receiver): void {
    let frame = original
    let delay = 0
    let copies = 0
    for (const rule of this.rules) {
      const verdict = rule.judge(frame, this.random)
      switch (verdict.kind) {
        case 'pass':
          break
        case 'drop':
          this.ledger.drop(frame, verdict.reason, this.label, rule.name)
          return
        case 'delay':
          delay += verdict.delay
          break
        case 'duplicate':
          copies++
          break
        case 'corrupt':
          // A copy always: a flooded frame is sound on its other links.
          frame = frame.clone()
          if (verdict.undetected) frame.badChecksum = true
          else frame.badFcs = true
          break
        default:
          verdict satisfies never
      }
    }
    if (copies > 0) {
      frame.shared = true
      this.ledger.copied += copies
    }
    for (let i = 0; i <= copies; i++) {
      if (delay === 0) receiver.accept(frame)
      else this.hold(frame, delay, receiver)
    }
  }

  private hold(frame: Frame, delay: number, receiver: Receiver): void {
    const entry = new Delayed(this.delayed, frame, receiver)
    this.delayed.add(entry)
    this.simulator.after(delay, entry)
  }

  /** The link went down: what was delayed is lost with it. */
  cut(): void {
    for (const entry of this.delayed) this.ledger.drop(entry.frame, 'link_down', this.label)
    this.delayed.clear()
  }

  heldFrames(): number {
    return this.delayed.size
  }
}

class Delayed implements EventTarget {
  readonly frame: Frame
  private readonly among: Set<Delayed>
  private readonly receiver: Receiver

  constructor(among: Set<Delayed>, frame: Frame, receiver: Receiver) {
    this.among = among
    this.frame = frame
    this.receiver = receiver
  }

  fire(): void {
    if (this.among.delete(this)) this.receiver.accept(this.frame)
  }
}
