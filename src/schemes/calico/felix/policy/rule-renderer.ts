import { PROTOCOL_ICMP } from '../../../../wire/frame.ts'
import type { IcmpMatch } from '../../datastore/policy-model.ts'
import type { Ipsets } from '../dataplane-part.ts'
import type { CompiledEntity, CompiledRule, SetSpec } from './compiled-rule.ts'
import {
  clearMark,
  comment,
  isMarked,
  isUnmarked,
  rule as joined,
  jump,
  MARK_ACCEPT,
  MARK_PASS,
  MARK_SCRATCH_0,
  MARK_SCRATCH_1,
  setMark,
} from './marks.ts'

type Range = readonly [number, number]
type Side = 'source' | 'destination'

/** What `-m multiport` takes: a range fills two of them. */
const PORT_SLOTS = 15

const PROTOCOL_WORDS = new Map([
  [6, 'tcp'],
  [17, 'udp'],
])

/** `Deny` and the ends of chains; FelixConfiguration may reject instead, which is not modelled. */
export const DENY = jump('DROP')

/**
 * The rules of a policy or profile in one direction as those of iptables (felix/rules/policy.go). The first
 * carries the name of the policy; returns at the end are left out, for they do nothing.
 */
export function renderRules(
  rules: readonly CompiledRule[],
  name: string,
  ipsets: Ipsets,
): string[] {
  const lines = rules.flatMap((one) => new RuleRenderer(one, ipsets).render())
  while (lines.at(-1)?.endsWith(jump('RETURN'))) lines.pop()
  if (lines.length === 0) return [comment(name)]
  lines[0] = joined(comment(name), lines[0]!)
  return lines
}

/**
 * One rule. iptables ANDs the matches of a rule and takes one block and 15 ports in each: what needs an OR
 * is spread over several rules that note in the mark whether all has fitted so far.
 */
class RuleRenderer {
  private readonly rule: CompiledRule
  private readonly ipsets: Ipsets
  private readonly lines: string[] = []
  private hasBlocks = false
  private hasPositiveBlock = false

  constructor(rule: CompiledRule, ipsets: Ipsets) {
    this.rule = rule
    this.ipsets = ipsets
  }

  render(): string[] {
    if (this.rule.rule.ipVersion === 6) return []
    const matches = [this.protocolMatch()]
    for (const side of ['source', 'destination'] as const) matches.push(...this.portBlock(side))
    for (const side of ['source', 'destination'] as const) matches.push(...this.netBlock(side))
    for (const side of ['source', 'destination'] as const) matches.push(...this.notNetBlock(side))
    matches.push(...this.otherMatches())
    if (this.hasBlocks) matches.push(isMarked(MARK_SCRATCH_0))
    return [...this.lines, ...this.actions(joined(...matches))]
  }

  private actions(match: string): string[] {
    switch (this.rule.rule.action) {
      case 'Allow':
        return [joined(match, setMark(MARK_ACCEPT)), joined(isMarked(MARK_ACCEPT), jump('RETURN'))]
      case 'Pass':
        return [joined(match, setMark(MARK_PASS)), joined(isMarked(MARK_PASS), jump('RETURN'))]
      case 'Deny':
        return [joined(match, DENY)]
      default:
        return [joined(match, '--jump LOG --log-prefix "calico-packet: " --log-level 5')]
    }
  }

  private protocolMatch(): string {
    const { protocol } = this.rule
    return protocol === 0 ? '' : `-p ${PROTOCOL_WORDS.get(protocol) ?? protocol}`
  }

  /** @returns what may stand in the rule itself. */
  private portBlock(side: Side): string[] {
    const { ports, namedPorts } = this.rule[side]
    const groups = splitPorts(ports)
    if (groups.length + namedPorts.length <= 1) {
      return [
        ...groups.map((group) => portMatch(side, group, false)),
        ...namedPorts.map((set) => this.setMatch(side, set, false)),
      ]
    }
    this.positiveBlock([
      ...groups.map((group) => joined(this.protocolMatch(), portMatch(side, group, false))),
      ...namedPorts.map((set) => this.setMatch(side, set, false)),
    ])
    return []
  }

  private netBlock(side: Side): string[] {
    const { nets } = this.rule[side]
    if (nets.length <= 1) return nets.map((net) => `--${side} ${net}`)
    this.positiveBlock(nets.map((net) => `--${side} ${net}`))
    return []
  }

  /** A rule has room for one block a side, wanted or not. */
  private notNetBlock(side: Side): string[] {
    const { nets, notNets } = this.rule[side]
    const taken = nets.length === 1 ? 1 : 0
    if (taken + notNets.length <= 1) return notNets.map((net) => `! --${side} ${net}`)
    this.begin(MARK_SCRATCH_0)
    for (const net of notNets)
      this.lines.push(joined(`--${side} ${net}`, clearMark(MARK_SCRATCH_0)))
    return []
  }

  private begin(initial: number): void {
    if (this.hasBlocks) return
    this.hasBlocks = true
    this.lines.push(setMark(initial, MARK_SCRATCH_0 | MARK_SCRATCH_1))
  }

  /** One of these has to fit, and all that came before. */
  private positiveBlock(matches: readonly string[]): void {
    this.begin(0)
    const bit = this.hasPositiveBlock ? MARK_SCRATCH_1 : MARK_SCRATCH_0
    for (const match of matches) this.lines.push(joined(match, setMark(bit)))
    if (this.hasPositiveBlock) {
      this.lines.push(joined(isUnmarked(MARK_SCRATCH_1), clearMark(MARK_SCRATCH_0)))
      // The next block counts anew.
      this.lines.push(clearMark(MARK_SCRATCH_1))
    }
    this.hasPositiveBlock = true
  }

  private otherMatches(): string[] {
    const { rule, notProtocol, source, destination } = this.rule
    const matches: string[] = []
    for (const [side, { set }] of [sideOf('source', source), sideOf('destination', destination)]) {
      if (set !== null) matches.push(this.setMatch(side, set, false))
    }
    if (rule.icmp !== undefined) matches.push(icmpMatch(rule.icmp, false))
    if (notProtocol !== 0) {
      matches.push(`! -p ${PROTOCOL_WORDS.get(notProtocol) ?? notProtocol}`)
    }
    for (const [side, entity] of [sideOf('source', source), sideOf('destination', destination)]) {
      const { notSet, notPorts, notNamedPorts } = entity
      if (notSet !== null) matches.push(this.setMatch(side, notSet, true))
      for (const group of splitPorts(notPorts)) matches.push(portMatch(side, group, true))
      for (const set of notNamedPorts) matches.push(this.setMatch(side, set, true))
    }
    if (rule.notICMP !== undefined) matches.push(icmpMatch(rule.notICMP, true))
    return matches
  }

  private setMatch(side: Side, { id, port }: SetSpec, invert: boolean): string {
    const word = side === 'source' ? 'src' : 'dst'
    const words = port === null ? word : `${word},${word}`
    return `-m set ${invert ? '! ' : ''}--match-set ${this.ipsets.nameOf(id)} ${words}`
  }
}

function sideOf(side: Side, entity: CompiledEntity): [Side, CompiledEntity] {
  return [side, entity]
}

/** Groups that fit into one match each. */
function splitPorts(ports: readonly Range[]): Range[][] {
  const groups: Range[][] = []
  let free = 0
  for (const range of ports) {
    const slots = range[0] === range[1] ? 1 : 2
    if (free < slots) {
      groups.push([])
      free = PORT_SLOTS
    }
    groups.at(-1)!.push(range)
    free -= slots
  }
  return groups
}

function portMatch(side: Side, ranges: readonly Range[], invert: boolean): string {
  const ports = ranges.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`))
  return `-m multiport ${invert ? '! ' : ''}--${side}-ports ${ports.join(',')}`
}

function icmpMatch({ type, code }: IcmpMatch, invert: boolean): string {
  if (type === undefined) return invert ? `! -p ${PROTOCOL_ICMP}` : ''
  const word = code === undefined ? `${type}` : `${type}/${code}`
  return `-m icmp ${invert ? '! ' : ''}--icmp-type ${word}`
}
