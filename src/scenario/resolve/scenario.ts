/** The sound parts of a file, checked against each other and put together. */
import type { CapturePoint, ExpectationModel, FabricModel, Scenario } from '../model.ts'
import type { FaultEntry } from '../schema/faults.ts'
import { type Condition, resolveClaim } from './claim.ts'
import { checkGeneratedNames, knownContainers, resolveContainers } from './containers.ts'
import type { Context } from './context.ts'
import { resolveDuration } from './duration.ts'
import { type Expectation, resolveExpectations } from './expectations.ts'
import { OUTSIDE, resolveFabric } from './fabric.ts'
import { knownNodes, resolveFaults } from './faults.ts'
import { knownHosts, resolveHosts } from './hosts.ts'
import { checkNetworks, resolveNetworks } from './networks.ts'
import { resolveStore } from './store.ts'
import { type Ends, resolveWorkloads } from './workloads.ts'

export type { Condition, Expectation }

export interface RunOfFile {
  readonly file: string
  readonly panel: string | null
  /** All that the file has; so are `variants`. */
  readonly panels: readonly string[]
  readonly variant: string | null
  readonly variants: readonly string[]
  /** Runs of the whole file. */
  readonly runs: number
  /** Words and line of an expectation or a condition. */
  describe(expectation: Expectation | Condition): Pick<ExpectationModel, 'text' | 'line'>
}

/** A scenario, which is of use only if `context` has no faults. */
export function resolveScenario(context: Context, run: RunOfFile): Scenario {
  const { input } = context
  const { fabric, plan } = resolveFabric(context)
  const hosts = resolveHosts(context, fabric, plan)
  const networks = resolveNetworks(context, fabric)
  const { containers, idle } = resolveContainers(context, hosts, fabric)
  checkGeneratedNames(context, containers, hosts)
  checkNetworks(context, fabric, hosts, networks, containers, idle)
  const ends: Ends = {
    containers,
    hosts: hosts.filter((host) => host.name !== OUTSIDE),
    containerNames: knownContainers(context, containers),
    hostNames: knownHosts(context, fabric),
  }
  const store = resolveStore(context, fabric, hosts)
  const workloads = resolveWorkloads(context, ends)
  const measured = { fabric, workloads, ends, hosts }
  const expected = resolveExpectations(context, measured, run)
  const claim = resolveClaim(context, measured, run)
  return {
    name: input.name ?? baseName(run.file),
    panel: run.panel,
    variant: run.variant,
    why: input.why,
    source: input.source ?? null,
    file: run.file,
    seed: input.seed,
    duration: resolveDuration(context, workloads),
    fabric,
    hosts,
    store,
    networks,
    containers,
    idle,
    workloads,
    faults: resolveFaults(context, {
      fabric,
      store,
      daemons: new Set([...daemonsOf(containers, idle, input.faults), ...routingDaemons(fabric)]),
      containers: knownContainers(context, containers),
      networks,
    }),
    captures: resolveCaptures(context, fabric, ends),
    expectations: expected.map((each) => {
      const { metric, comparison } = each
      return { metric, comparison, ...run.describe(each) }
    }),
    needs: input.needs ?? null,
    claim:
      claim === null
        ? null
        : {
            says: claim.says,
            runs: run.runs,
            conditions: claim.conditions.map((each) => {
              const { path: _, ...condition } = each
              return { ...condition, ...run.describe(each) }
            }),
          },
  }
}

/** `host/network` of every host with a container on a network, or to which one is moved. */
function daemonsOf(
  containers: Scenario['containers'],
  idle: Scenario['idle'],
  faults: readonly FaultEntry[],
): ReadonlySet<string> {
  const moved = faults.flatMap(({ move, to }) => {
    const container = containers.find(({ name }) => name === move)
    return container === undefined || to === undefined ? [] : [{ ...container, host: to }]
  })
  const members = [...containers, ...idle, ...moved]
  return new Set(members.flatMap(({ host, networks }) => networks.map((net) => `${host}/${net}`)))
}

/** `leaf1/bgpd` and so on, where the routers run BGP. */
function routingDaemons({ bgp, nodes }: FabricModel): string[] {
  if (bgp === null) return []
  return nodes.filter(({ kind }) => kind === 'router').map(({ name }) => `${name}/bgpd`)
}

function baseName(file: string): string {
  const name = file.split(/[\\/]/).at(-1)!
  return name.replace(/\.ya?ml$/i, '')
}

function resolveCaptures(context: Context, fabric: FabricModel, ends: Ends): CapturePoint[] {
  const { captures } = context.input
  if (captures.length === 0) return ends.hosts.map(({ name }) => ({ node: name, port: 'eth0' }))
  const nodes = knownNodes(context, fabric)
  const known =
    nodes === null || ends.containerNames === null
      ? null
      : new Set([...nodes, ...ends.containerNames])
  return captures.map((text, i) => {
    const path = ['captures', i]
    const [node = '', port = 'eth0', ...rest] = text.split('/')
    if (rest.length > 0 || port === '') {
      const message = `${JSON.stringify(text)} is no port`
      context.report('wrong_value', path, message, 'write it like h1/eth0')
    } else context.checkName(known, path, 'node or container', node)
    return { node, port }
  })
}
