import { STAGE_NAT, STAGE_NETFILTER_HOOK } from '../../cpu/stage.ts'
import type { Frame } from '../../wire/frame.ts'
import { ICMP_DEST_UNREACH } from '../../wire/icmp.ts'
import { contains, type Ipv4Address, maskOf } from '../../wire/ipv4-address.ts'
import type { NetDevice } from '../device.ts'
import type { IpSet } from '../ipset/ip-set.ts'
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  type NetNamespace,
  type PacketFilter,
} from '../namespace.ts'
import { TABLE_NAMES, Table, type TableName } from './chain.ts'
import { Conntrack } from './conntrack.ts'
import {
  DIRECTION_ORIGINAL,
  DIRECTION_REPLY,
  STATUS_DESTINATION_NAT_DONE,
  STATUS_SEEN_REPLY,
  STATUS_SOURCE_NAT_DONE,
  type TrackedTuple,
  trackedBy,
} from './conntrack-entry.ts'
import { isRewritten, MANIP_DESTINATION, MANIP_SOURCE, Nat, type NatRange } from './nat.ts'
import { RuleWalk } from './rule-walk.ts'
import { TARGET_ACCEPT, TARGET_DROP, TARGET_MASQUERADE, TARGET_REJECT } from './target.ts'

/**
 * The rules of a namespace at the hooks of its IP stack and, where bridge-nf-call-iptables is on, of
 * its bridges. In the order of the kernel's priorities:
 *
 * | hook | what runs |
 * | --- | --- |
 * | PREROUTING | defragment, raw, conntrack, mangle, nat (destination) |
 * | INPUT | mangle, filter, nat (source), confirm |
 * | FORWARD | mangle, filter |
 * | OUTPUT | defragment, raw, conntrack, mangle, nat (destination), filter |
 * | POSTROUTING | mangle, nat (source), confirm |
 *
 * Conntrack, and with it defragmenting, is on once the nat table or a rule needs it, and stays on.
 */
export class Netfilter implements PacketFilter {
  conntrack: Conntrack | null = null
  /** Grows with every command: who looks after rules of its own compares it. */
  generation = 0
  private readonly namespace: NetNamespace
  private raw: Table | null = null
  private mangle: Table | null = null
  private filter: Table | null = null
  private natTable: Table | null = null
  private nat: Nat | null = null
  private readonly walk: RuleWalk

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.walk = new RuleWalk(namespace)
  }

  /** A table, made at its first use. */
  table(name: TableName): Table {
    const existing = this.tableIfAny(name)
    if (existing !== null) return existing
    const table = new Table(name, this.namespace.ipsets)
    switch (name) {
      case 'raw':
        this.raw = table
        break
      case 'mangle':
        this.mangle = table
        break
      case 'filter':
        this.filter = table
        break
      default:
        this.natTable = table
        this.nat = new Nat(this.track(), this.namespace.kernel.random)
    }
    return table
  }

  private tableIfAny(name: TableName): Table | null {
    switch (name) {
      case 'raw':
        return this.raw
      case 'mangle':
        return this.mangle
      case 'filter':
        return this.filter
      default:
        return this.natTable
    }
  }

  /** Turns conntrack on if a rule of a table that has changed needs it. */
  activate(table: Table): void {
    this.generation++
    if (this.conntrack !== null) return
    const needed = table.list().some(({ rules }) => rules.some((rule) => rule.needsConntrack))
    if (needed) this.track()
  }

  private track(): Conntrack {
    this.conntrack ??= new Conntrack(this.namespace)
    return this.conntrack
  }

  /** What `iptables-save` prints of the tables in use. */
  save(): string {
    return TABLE_NAMES.map((name) => this.tableIfAny(name)?.toString() ?? '').join('')
  }

  referencesTo(set: IpSet): number {
    let count = 0
    for (const name of TABLE_NAMES) {
      for (const { rules } of this.tableIfAny(name)?.list() ?? []) {
        for (const rule of rules) if (rule.asks(set)) count++
      }
    }
    return count
  }

  /** What LOG rules wrote into the kernel's log, the newest last. */
  get log(): readonly string[] {
    return this.walk.log
  }

  run(hook: number, frame: Frame, input: NetDevice | null, output: NetDevice | null): Frame | null {
    if (this.isHooked(hook)) this.namespace.spend(STAGE_NETFILTER_HOOK, frame)
    switch (hook) {
      case HOOK_PREROUTING:
      case HOOK_OUTPUT:
        return this.enter(hook, frame, input, output)
      case HOOK_FORWARD:
        return this.forward(frame, input, output)
      default:
        return this.leave(hook, frame, input, output)
    }
  }

  /** Whether anything is registered there. Conntrack is at every hook but FORWARD. */
  private isHooked(hook: number): boolean {
    const { raw, filter } = this
    if (this.mangle !== null || (this.conntrack !== null && hook !== HOOK_FORWARD)) return true
    if (filter !== null && filter.hooks[hook] !== null) return true
    return raw !== null && raw.hooks[hook] !== null
  }

  /** PREROUTING and OUTPUT. */
  private enter(
    hook: number,
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
  ): Frame | null {
    const device = (input ?? output)!
    let passed: Frame | null = frame
    if (this.conntrack !== null && frame.isFragment) {
      passed = this.namespace.fragments.assemble(frame, device)
      if (passed === null) return null
    }
    if (this.raw !== null) {
      passed = this.apply(this.raw, hook, passed, input, output)
      if (passed === null) return null
    }
    if (this.conntrack !== null) {
      passed = this.conntrack.track(passed, hook, device)
      if (passed === null) return null
    }
    if (this.mangle !== null) {
      passed = this.apply(this.mangle, hook, passed, input, output)
      if (passed === null) return null
    }
    if (this.nat !== null) {
      passed = this.applyNat(hook, passed, input, output, MANIP_DESTINATION)
      if (passed === null) return null
    }
    if (hook === HOOK_PREROUTING || this.filter === null) return passed
    return this.apply(this.filter, hook, passed, input, output)
  }

  private forward(frame: Frame, input: NetDevice | null, output: NetDevice | null): Frame | null {
    let passed: Frame | null = frame
    if (this.mangle !== null) {
      passed = this.apply(this.mangle, HOOK_FORWARD, passed, input, output)
      if (passed === null) return null
    }
    if (this.filter === null) return passed
    return this.apply(this.filter, HOOK_FORWARD, passed, input, output)
  }

  /** INPUT and POSTROUTING. */
  private leave(
    hook: number,
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
  ): Frame | null {
    let passed: Frame | null = frame
    if (this.mangle !== null) {
      passed = this.apply(this.mangle, hook, passed, input, output)
      if (passed === null) return null
    }
    if (hook === HOOK_INPUT && this.filter !== null) {
      passed = this.apply(this.filter, hook, passed, input, output)
      if (passed === null) return null
    }
    if (this.nat !== null) {
      passed = this.applyNat(hook, passed, input, output, MANIP_SOURCE)
      if (passed === null) return null
    }
    if (this.conntrack === null) return passed
    return this.conntrack.confirm(passed, (input ?? output)!)
  }

  /** Runs a table other than nat. */
  private apply(
    table: Table,
    hook: number,
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
  ): Frame | null {
    const chain = table.hooks[hook]!
    if (chain === null || (chain.rules.length === 0 && chain.policy === 'ACCEPT')) return frame
    const passed = this.walk.run(chain, frame, input, output)
    const { rule, verdict } = this.walk
    if (verdict === TARGET_ACCEPT) {
      if (rule !== null) this.namespace.charge('netfilter', passed, rule)
      return passed
    }
    if (verdict === TARGET_REJECT) {
      this.namespace.icmp.sendError(passed, ICMP_DEST_UNREACH, rule!.target.code, 0)
    }
    this.namespace.drop(passed, 'netfilter', input ?? output, rule ?? chain)
    return null
  }

  /** nf_nat_inet_fn: the first packet of a flow asks the rules, all others follow their flow. */
  private applyNat(
    hook: number,
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
    manip: number,
  ): Frame | null {
    const tracked = trackedBy(frame)
    if (tracked === null) return frame
    const { entry } = tracked
    let passed: Frame | null = frame
    if (isNew(tracked) && !entry.isConfirmed && !isBound(tracked, manip)) {
      this.namespace.spend(STAGE_NAT, frame)
      passed = this.bind(hook, frame, input, output, manip)
      if (passed === null) return null
    }
    if (entry.masqueradeDevice !== null && hook === HOOK_POSTROUTING) {
      // Its address is that of a device by which it no longer leaves (nf_nat_oif_changed).
      if (tracked.direction === DIRECTION_ORIGINAL && entry.masqueradeDevice !== wayOf(output!)) {
        this.conntrack!.table.remove(entry)
        this.namespace.drop(passed, 'netfilter', output, 'masqueraded for another device')
        return null
      }
    }
    if (!isRewritten(tracked, manip)) return passed
    const translated = this.nat!.translate(passed, tracked, manip)
    this.namespace.spend(STAGE_NAT, translated)
    this.namespace.charge('nat', translated, entry)
    return translated
  }

  private bind(
    hook: number,
    frame: Frame,
    input: NetDevice | null,
    output: NetDevice | null,
    manip: number,
  ): Frame | null {
    const { namespace } = this
    const { entry } = trackedBy(frame)!
    const passed = this.walk.run(this.natTable!.hooks[hook]!, frame, input, output)
    const { rule, verdict } = this.walk
    if (verdict === TARGET_DROP) {
      namespace.drop(passed, 'netfilter', input ?? output, this.natTable!.hooks[hook])
      return null
    }
    if (rule !== null) namespace.charge('netfilter', passed, rule)
    let range: NatRange | null = null
    if (verdict === TARGET_MASQUERADE) {
      const address = this.masqueradeAddress(frame.ipDst, output!)
      if (address === null) {
        namespace.drop(passed, 'netfilter', output, rule)
        return null
      }
      range = { ...rule!.target.range, address }
      entry.masqueradeDevice = wayOf(output!)
    } else if (verdict !== TARGET_ACCEPT) range = rule!.target.range
    this.nat!.bind(entry, manip, range)
    return passed
  }

  /**
   * inet_select_addr: the address of the way out on the next hop's subnet, its first one otherwise,
   * or one of another device's; null when there is none.
   */
  private masqueradeAddress(destination: Ipv4Address, output: NetDevice): Ipv4Address | null {
    const device = wayOf(output)
    const nexthop = this.namespace.routes.lookup(destination)?.via ?? destination
    for (const { address, length } of device.addresses) {
      if (contains({ base: address & maskOf(length), length }, nexthop)) return address
    }
    if (device.addresses.length > 0) return device.addresses[0]!.address
    return this.namespace.ipv4.selectSource(device, destination)
  }
}

/** The device that rules know as the way out: the bridge of a bridged packet's port. */
function wayOf(output: NetDevice): NetDevice {
  return output.master ?? output
}

function isNew(tracked: TrackedTuple): boolean {
  if (tracked.direction === DIRECTION_REPLY) return false
  return !tracked.isRelated && (tracked.entry.status & STATUS_SEEN_REPLY) === 0
}

function isBound(tracked: TrackedTuple, manip: number): boolean {
  const bit = manip === MANIP_SOURCE ? STATUS_SOURCE_NAT_DONE : STATUS_DESTINATION_NAT_DONE
  return (tracked.entry.status & bit) !== 0
}
