import type { ContainerModel, FabricModel, HostModel, IdleContainers } from '../model.ts'
import type { Path } from '../place.ts'
import type { ContainersSection } from '../schema/containers.ts'
import type { Context, KnownNames } from './context.ts'
import { OUTSIDE } from './fabric.ts'
import { knownHosts } from './hosts.ts'
import { storeHosts } from './store.ts'

const CONTAINERS_MAX = 1_000_000

export interface Containers {
  readonly containers: readonly ContainerModel[]
  readonly idle: readonly IdleContainers[]
}

export function resolveContainers(
  context: Context,
  hosts: readonly HostModel[],
  fabric: FabricModel,
): Containers {
  const section = context.input.containers
  if (section === undefined) return { containers: [], idle: [] }
  return Array.isArray(section)
    ? { containers: listed(context, section, fabric), idle: [] }
    : perHost(context, section, hosts)
}

type Listed = Extract<ContainersSection, readonly unknown[]>
type PerHost = Exclude<ContainersSection, readonly unknown[]>

function perHost(context: Context, section: PerHost, all: readonly HostModel[]): Containers {
  const apart = storeHosts(context)
  const hosts = all.filter(({ name }) => name !== OUTSIDE && !apart.has(name))
  const networks = networksOf(context, section.networks, ['containers'])
  const total = hosts.length * (section.perHost + section.idle)
  if (total > CONTAINERS_MAX) {
    const message = `${hosts.length} hosts of ${section.perHost + section.idle} are ${total} containers`
    context.report('out_of_range', ['containers'], message, `at most ${CONTAINERS_MAX}`)
    return { containers: [], idle: [] }
  }
  const containers = hosts.flatMap((host, h) =>
    Array.from({ length: section.perHost }, (_, i) => ({
      name: `c${h * section.perHost + i + 1}`,
      host: host.name,
      networks,
      address: null,
      mac: null,
      labels: section.labels,
    })),
  )
  const idle = hosts.map((host) => ({ host: host.name, count: section.idle, networks }))
  return { containers, idle: section.idle === 0 ? [] : idle }
}

function listed(context: Context, section: Listed, fabric: FabricModel): ContainerModel[] {
  const hosts = knownHosts(context, fabric)
  const names = new Set<string>()
  const owners = new Owners(context)
  return section.map((entry, i) => {
    const path = ['containers', i]
    if (names.has(entry.name)) {
      const message = `there are two containers ${entry.name}`
      context.report('duplicate_name', [...path, 'name'], message, 'name one of them otherwise')
    } else if (hosts?.has(entry.name)) {
      const message = `${entry.name} is the name of a host too`
      context.report('duplicate_name', [...path, 'name'], message, 'name the container otherwise')
    }
    names.add(entry.name)
    context.checkName(hosts, [...path, 'host'], 'host', entry.host)
    const networks = networksOf(context, entry.networks, path)
    owners.take(entry, networks[0] ?? '', path)
    return {
      name: entry.name,
      host: entry.host,
      networks,
      address: entry.address ?? null,
      mac: entry.mac ?? null,
      labels: entry.labels,
    }
  })
}

/** Who has which fixed address of a network; one that is there twice must be meant. */
class Owners {
  private readonly byAddress = new Map<string, string>()
  private readonly context: Context

  constructor(context: Context) {
    this.context = context
  }

  take(entry: Listed[number], network: string, path: Path): void {
    for (const key of ['address', 'mac'] as const) {
      if (entry[key] === undefined) continue
      const address = `${network} ${key} ${entry[key]}`
      const owner = this.byAddress.get(address)
      if (owner !== undefined && !entry.duplicate) {
        const what = key === 'mac' ? 'MAC address' : 'address'
        const message = `${entry.name} and ${owner} have the same ${what}`
        const remedy = 'give one of them another, or say that it is meant: duplicate: true'
        this.context.report('duplicate_name', [...path, key], message, remedy)
      }
      this.byAddress.set(address, entry.name)
    }
  }
}

function networksOf(context: Context, given: readonly string[] | undefined, path: Path): string[] {
  const raw = context.raw['networks']
  const known = typeof raw === 'object' && raw !== null ? Object.keys(raw) : []
  if (given === undefined) {
    if (known.length === 1 || context.isBroken(...path)) return known.slice(0, 1)
    const message =
      known.length === 0 ? 'there is no network for the containers' : 'which network is not said'
    const remedy =
      known.length === 0
        ? 'add one under "networks:"'
        : `networks: one or more of ${known.join(', ')}`
    context.report('missing_key', [...path, 'networks'], message, remedy)
    return []
  }
  given.forEach((name, i) => {
    const at = [...path, 'networks', ...(given.length > 1 ? [i] : [])]
    if (context.checkName(new Set(known), at, 'network', name) && given.indexOf(name) !== i) {
      context.report('duplicate_name', at, `${name} is there twice`, 'name each network once')
    }
  })
  return [...given]
}

/** Names that workloads may use. */
export function knownContainers(
  context: Context,
  containers: readonly ContainerModel[],
): KnownNames {
  if (Array.isArray(context.raw['containers'])) {
    return new Set(context.rawList('containers').map((each) => String(each['name'])))
  }
  if (['racks', 'hostsPerRack', 'draw'].some((key) => context.isBroken('fabric', key))) return null
  return context.isBroken('containers', 'perHost')
    ? null
    : new Set(containers.map((each) => each.name))
}

/** Generated containers may bear the name of a drawn host. */
export function checkGeneratedNames(
  context: Context,
  containers: readonly ContainerModel[],
  hosts: readonly HostModel[],
): void {
  if (Array.isArray(context.raw['containers'])) return
  const names = new Set(containers.map((each) => each.name))
  const clash = hosts.find((host) => names.has(host.name))
  if (clash === undefined) return
  const message = `${clash.name} is the name of a host and of a container`
  context.report('duplicate_name', ['containers'], message, 'list the containers by other names')
}
