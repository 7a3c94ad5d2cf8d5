import type { BlockAffinity, Resource, Update, Values } from '../datastore/model.ts'
import { parseSelector } from '../policy/selector/parser.ts'

/** What confd on one node knows of the datastore. */
export class ClusterView {
  readonly node: string
  readonly nodes = new Map<string, Resource<'Node'>>()
  readonly pools = new Map<string, Resource<'IPPool'>>()
  readonly peers = new Map<string, Resource<'BGPPeer'>>()
  readonly configurations = new Map<string, Resource<'BGPConfiguration'>>()
  /** Own blocks, by CIDR. */
  readonly affinities = new Map<string, BlockAffinity>()
  /** A resource is never changed, only replaced: what was once found of it stays true. */
  private readonly matched = new WeakMap<Resource<'Node'>, Map<string, boolean>>()

  constructor(node: string) {
    this.node = node
  }

  /** @returns whether it may concern BIRD. */
  take(update: Update): boolean {
    switch (update.kind) {
      case 'Node':
        return put(this.nodes, update.key, update.value)
      case 'IPPool':
        return put(this.pools, update.key, update.value)
      case 'BGPPeer':
        return put(this.peers, update.key, update.value)
      case 'BGPConfiguration':
        return put(this.configurations, update.key, update.value)
      case 'BlockAffinity': {
        const own = `${this.node}/`
        if (!update.key.startsWith(own)) return false
        return put(this.affinities, update.key.slice(own.length), update.value)
      }
      default:
        return false
    }
  }

  matches(selector: string, node: Resource<'Node'>): boolean {
    const known = this.matched.get(node) ?? new Map<string, boolean>()
    this.matched.set(node, known)
    const before = known.get(selector)
    if (before !== undefined) return before
    const labels = new Map(Object.entries(node.metadata.labels ?? {}))
    const result = parseSelector(selector).matches(labels)
    known.set(selector, result)
    return result
  }

  /** Of `default`, and over it what this node has of its own. */
  get bgp(): Values['BGPConfiguration']['spec'] {
    const common = this.configurations.get('default')?.spec
    return { ...common, ...this.configurations.get(`node.${this.node}`)?.spec }
  }
}

function put<T>(map: Map<string, T>, key: string, value: T | null): boolean {
  if (value === null) return map.delete(key)
  map.set(key, value)
  return true
}
