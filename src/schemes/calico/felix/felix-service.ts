import { Program } from '../../../control/program/program.ts'
import type { NodeContext, NodeService } from '../node-service.ts'
import type { DataplanePart, FelixContext } from './dataplane-part.ts'
import { EndpointPart } from './endpoint-part.ts'
import { Felix, FelixConfig, rootsOf } from './felix.ts'
import { MasqueradePart } from './masquerade-part.ts'
import { KernelIpsets } from './policy/kernel-ipsets.ts'
import { PolicyPart } from './policy/policy-part.ts'
import { IptablesTables } from './policy/tables.ts'
import { reportStatus } from './status.ts'
import { TunnelsPart } from './tunnels/tunnels-part.ts'

/** Felix on one host, over all its starts. */
export class FelixService implements NodeService {
  private readonly context: NodeContext
  private readonly past: string[] = []
  private program: Program | null = null

  constructor(context: NodeContext) {
    this.context = context
  }

  get log(): readonly string[] {
    return this.program === null ? this.past : [...this.past, ...this.program.log]
  }

  start(): void {
    const { host, node, options } = this.context
    const program = new Program(host.root, 'calico-felix')
    this.program = program
    const datastore = this.context.datastore(program)
    const felix = this.makeFelix(program)
    program.spawn(datastore.follow(rootsOf(this.context.hasVxlan), felix))
    const { felix: values } = options
    program.spawn(
      felix.run({
        routes: values.routeRefreshInterval,
        ipsets: values.ipsetsRefreshInterval,
        iptables: values.iptablesRefreshInterval,
      }),
    )
    const { reportingInterval: interval, reportingTTL: ttl } = values
    program.spawn(reportStatus(program, datastore, felix, { node, interval, ttl }))
  }

  private makeFelix(program: Program): Felix {
    const { host, node } = this.context
    const config = new FelixConfig(node)
    const tables = new IptablesTables(host)
    const ipsets = new KernelIpsets(host)
    const context: FelixContext = {
      program,
      host,
      node,
      tables,
      ipsets,
      config: () => config.get(),
      log: (line) => program.log.push(line),
    }
    const parts: DataplanePart[] = [
      config,
      new MasqueradePart(context),
      new PolicyPart(context),
      new EndpointPart(context),
      new TunnelsPart(context),
    ]
    return new Felix(program, { tables, ipsets }, parts)
  }

  stop(): void {
    this.crash()
  }

  /** Routes, rules and sets stay. */
  crash(): void {
    if (this.program === null) return
    this.program.kill()
    this.past.push(...this.program.log)
    this.program = null
  }
}
