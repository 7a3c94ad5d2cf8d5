import type { Host } from '../../host/host.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { type FlannelOptions, versionOf } from './options.ts'
import {
  deleteRules,
  ensureRules,
  forwardRules,
  masqueradeRules,
  type RuleGroup,
  setupRules,
} from './rules.ts'

/** `--iptables-resync`. */
const RESYNC_PERIOD = 5 * SECOND

/** A network and the host's subnet of it. */
export interface Subnets {
  readonly network: Ipv4Prefix
  readonly subnet: Ipv4Prefix
}

/** The rules of one flanneld (pkg/trafficmngr/iptables). */
export class RuleKeeper {
  private readonly host: Host
  private readonly groups: readonly RuleGroup[]
  /** Of the rules when they were last found complete. */
  private generation = -1

  /** @param previous of an earlier start, as subnet.env has it. */
  constructor(host: Host, options: FlannelOptions, subnets: Subnets, previous: Subnets | null) {
    this.host = host
    const groups = groupsOf(options, subnets)
    this.groups = groups
    const { iptables } = host.commands
    if (previous !== null && previous.subnet.base !== subnets.subnet.base) {
      for (const group of groupsOf(options, previous)) {
        if (group.table === 'nat') deleteRules(iptables, group)
      }
    }
    for (const group of groups) setupRules(iptables, group)
  }

  /** Looks for ever whether somebody has taken rules away. */
  *resync(): Process {
    for (;;) {
      yield* sleep(RESYNC_PERIOD)
      const { iptables } = this.host.commands
      // Only where something has changed there is anything to find.
      if (iptables.generation === this.generation) continue
      for (const group of this.groups) ensureRules(iptables, group)
      this.generation = iptables.generation
    }
  }
}

function groupsOf(options: FlannelOptions, { network, subnet }: Subnets): readonly RuleGroup[] {
  const version = versionOf(options)
  const hasChains = version !== '0.11' && version !== '0.16'
  const forward = forwardRules(network, hasChains)
  return options.ipMasq ? [masqueradeRules(network, subnet, hasChains), forward] : [forward]
}
