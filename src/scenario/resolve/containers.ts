import type { ContainerModel, FabricModel, HostModel, IdleContainers } from '../model.ts'
import type { Path } from '../place.ts'
import type { ContainersSection } from '../schema/containers.ts'
import type { Context, KnownNames } from './context.ts'
import { OUTSIDE } from './fabric.ts'
import { knownHosts } from './hosts.ts'

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
  const hosts = all.filter((host) => host.name !== OUTSIDE)
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
    })),
  )
  const idle = hosts.map((host) => ({ host: host.name, count: section.idle, networks }))
  return { containers, idle: section.idle === 0 ? [] : idle }
}

function listed(context: Context, section: Listed, fabric: FabricModel): ContainerModel[] {
  const hosts = knownHosts(context, fabric)
  const names = new Set<string>()
  const macs = new Map<number, string>()
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
    const owner = entry.mac === undefined ? undefined : macs.get(entry.mac)
    if (owner !== undefined) {
      const message = `${entry.name} and ${owner} have the same MAC address`
      context.report('duplicate_name', [...path, 'mac'], message, 'give one of them another')
    }
    if (entry.mac !== undefined) macs.set(entry.mac, entry.name)
    return {
      name: entry.name,
      host: entry.host,
      networks: networksOf(context, entry.networks, path),
      address: entry.address ?? null,
      mac: entry.mac ?? null,
    }
  })
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
