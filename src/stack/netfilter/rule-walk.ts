import { STAGE_NETFILTER_RULE } from '../../cpu/stage.ts'
import type { Frame } from '../../wire/frame.ts'
import type { NetDevice } from '../device.ts'
import type { NetNamespace } from '../namespace.ts'
import type { Chain } from './chain.ts'
import type { Rule } from './rule.ts'
import {
  TARGET_ACCEPT,
  TARGET_CHAIN,
  TARGET_DROP,
  TARGET_MARK,
  TARGET_NONE,
  TARGET_RETURN,
} from './target.ts'

/** The walk of a packet through the rules from a built-in chain (ipt_do_table). */
export class RuleWalk {
  /** What the last walk came to: a TARGET_* that ends it. */
  verdict = TARGET_ACCEPT
  /** The rule that decided; null where the policy did. */
  rule: Rule | null = null
  private readonly namespace: NetNamespace
  /** Where jumps came from: the rules of the calling chains, and the next one of each. */
  private readonly callers: Rule[][] = []
  private readonly returns: number[] = []

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
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
