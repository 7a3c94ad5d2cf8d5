import type { Labels } from '../../policy/selector/selector.ts'
import type { SetSpec } from './compiled-rule.ts'

export interface NamedPort {
  readonly name: string
  readonly protocol: number
  readonly port: number
}

/** What selectors see of an endpoint anywhere in the cluster. */
export interface IndexedEndpoint {
  readonly labels: Readonly<Record<string, string>>
  readonly profiles: readonly string[]
  /** Dotted quads. */
  readonly addresses: readonly string[]
  readonly ports: readonly NamedPort[]
}

interface ActiveSet {
  readonly spec: SetSpec
  /** What each endpoint in it brings, by its key. */
  readonly byEndpoint: Map<string, readonly string[]>
}

/**
 * All endpoints with their labels, those of their profiles among them, and for each selector that is asked
 * for the members of its set (felix/labelindex). While nothing is asked for, an endpoint costs nothing.
 */
export class EndpointIndex {
  /** By the key in the datastore: that of a workload has its namespace in front, that of a host's has no slash. */
  private readonly endpoints = new Map<string, IndexedEndpoint>()
  private readonly profileLabels = new Map<string, Readonly<Record<string, string>>>()
  private readonly sets = new Map<string, ActiveSet>()
  /** Sets whose members have changed since they were last taken. */
  private readonly changed = new Set<string>()

  /** @param endpoint null = it is gone. */
  set(key: string, endpoint: IndexedEndpoint | null): void {
    if (endpoint === null) this.endpoints.delete(key)
    else this.endpoints.set(key, endpoint)
    for (const set of this.sets.values()) this.place(set, key, endpoint)
  }

  /** @param labels what its endpoints inherit; null = the profile is gone. */
  setProfile(name: string, labels: Readonly<Record<string, string>> | null): void {
    if (labels === null) this.profileLabels.delete(name)
    else this.profileLabels.set(name, labels)
    if (this.sets.size === 0) return
    for (const [key, endpoint] of this.endpoints) {
      if (!endpoint.profiles.includes(name)) continue
      for (const set of this.sets.values()) this.place(set, key, endpoint)
    }
  }

  /** An endpoint's own labels before those of its profiles. */
  labelsOf({ labels, profiles }: IndexedEndpoint): Labels {
    return {
      get: (name) => {
        if (Object.hasOwn(labels, name)) return labels[name]
        for (const profile of profiles) {
          const inherited = this.profileLabels.get(profile)
          if (inherited !== undefined && Object.hasOwn(inherited, name)) return inherited[name]
        }
        return undefined
      },
    }
  }

  /**
   * Keeps the members of these sets from now on, and of no others.
   * @returns those that nobody asks for any more.
   */
  keep(specs: ReadonlyMap<string, SetSpec>): string[] {
    const dropped = [...this.sets.keys()].filter((id) => !specs.has(id))
    for (const id of dropped) {
      this.sets.delete(id)
      this.changed.delete(id)
    }
    for (const [id, spec] of specs) {
      if (this.sets.has(id)) continue
      const set: ActiveSet = { spec, byEndpoint: new Map() }
      this.sets.set(id, set)
      for (const [key, endpoint] of this.endpoints) this.place(set, key, endpoint)
      this.changed.add(id)
    }
    return dropped
  }

  /** The sets that have changed, with all of their members. */
  takeChanged(): { readonly spec: SetSpec; readonly members: ReadonlySet<string> }[] {
    const taken = [...this.changed].map((id) => {
      const { spec, byEndpoint } = this.sets.get(id)!
      return { spec, members: new Set([...byEndpoint.values()].flat()) }
    })
    this.changed.clear()
    return taken
  }

  private place(set: ActiveSet, key: string, endpoint: IndexedEndpoint | null): void {
    const { spec, byEndpoint } = set
    const fits = endpoint !== null && spec.selector.matches(this.labelsOf(endpoint))
    const members = fits ? membersOf(spec, endpoint) : []
    const before = byEndpoint.get(key) ?? []
    if (before.length === members.length && before.every((one, i) => one === members[i])) return
    if (members.length === 0) byEndpoint.delete(key)
    else byEndpoint.set(key, members)
    this.changed.add(spec.id)
  }
}

const PROTOCOL_WORDS = new Map([
  [6, 'tcp'],
  [17, 'udp'],
])

function membersOf({ port }: SetSpec, { addresses, ports }: IndexedEndpoint): readonly string[] {
  if (port === null) return addresses
  const word = PROTOCOL_WORDS.get(port.protocol)
  return ports
    .filter(({ name, protocol }) => name === port.name && protocol === port.protocol)
    .flatMap(({ port: number }) => addresses.map((address) => `${address},${word}:${number}`))
}
