import { STAGE_NETFILTER_RULE } from '../../cpu/stage.ts'
import type { Frame } from '../../wire/frame.ts'
import type { NetDevice } from '../device.ts'
import type { NetNamespace } from '../namespace.ts'
import type { Chain } from './chain.ts'
import { trackedBy, Untracked } from './conntrack-entry.ts'
import { logLine } from './log-line.ts'
import type { Rule } from './rule.ts'
import {
  TARGET_ACCEPT,
  TARGET_CHAIN,
  TARGET_DROP,
  TARGET_LOG,
  TARGET_MARK,
  TARGET_NONE,
  TARGET_NOTRACK,
  TARGET_RETURN,
} from './target.ts'

const LOG_LINES_MAX = 1000

/** The walk of a packet through the rules from a built-in chain (ipt_do_table). */
export class RuleWalk {
  /** What the last walk came to: a TARGET_* that ends it. */
  verdict = TARGET_ACCEPT
  /** The rule that decided; null where the policy did. */
  rule: Rule | null = null
  /** The kernel's log: it keeps the newest lines. */
  readonly log: string[] = []
  private readonly namespace: NetNamespace
  private readonly untracked: Untracked
  /** Where jumps came from: the rules of the calling chains, and the next one of each. */
  private readonly callers: Rule[][] = []
  private readonly returns: number[] = []

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.untracked = new Untracked(namespace)
  }

  private write(line: string): void {
    if (this.log.length === LOG_LINES_MAX) this.log.shift()
    this.log.push(line)
  }

  /** @returns the packet, a copy when a rule marked one that is shared. */
  run(chain: Chain, frame: Frame, input: NetDevice | null, output: NetDevice | null): Frame {
    const { namespace, callers, returns } = this
    let { rules } = chain
    let at = 0
    let depth = 0
    for (;;) {
      if (at === rules.length) {
        if (depth === 0) break
        depth--
        rules = callers[depth]!
        at = returns[depth]!
        continue
      }
      const rule = rules[at++]!
      namespace.spend(STAGE_NETFILTER_RULE, frame)
      if (!rule.fits(frame, input, output, namespace)) continue
      rule.packets++
      rule.bytes += frame.l3Length
      const { target } = rule
      switch (target.kind) {
        case TARGET_NONE:
          break
        case TARGET_RETURN:
          at = rules.length
          break
        case TARGET_MARK:
          frame = frame.writable()
          frame.mark = ((frame.mark & ~target.mask) ^ target.value) >>> 0
          break
        case TARGET_NOTRACK:
          // xt_ct: what conntrack knows already stays known.
          if (trackedBy(frame) !== null) break
          frame = frame.writable()
          frame.conntrack = this.untracked
          break
        case TARGET_LOG:
          this.write(logLine(target.prefix, frame, input, output))
          namespace.charge('netfilter', frame, rule)
          break
        case TARGET_CHAIN:
          if (!target.isGoto) {
            callers[depth] = rules
            returns[depth] = at
            depth++
          }
          rules = target.chain!.rules
          at = 0
          break
        default:
          this.verdict = target.kind
          this.rule = rule
          return frame
      }
    }
    this.verdict = chain.policy === 'DROP' ? TARGET_DROP : TARGET_ACCEPT
    this.rule = null
    return frame
  }
}
