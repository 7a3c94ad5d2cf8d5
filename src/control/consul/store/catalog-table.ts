import type { CheckArguments, CheckRecord, NodeRecord } from './commands.ts'
import { OrderedMap } from './ordered-map.ts'
import { checkName } from './session-table.ts'

/** The tables `nodes` and `checks`, as far as sessions need them. Names ignore case. */
export class CatalogTable {
  readonly nodes = new OrderedMap<NodeRecord>()
  readonly checks = new OrderedMap<CheckRecord>()
  nodesIndex = 0
  checksIndex = 0

  node(name: string): NodeRecord | undefined {
    return this.nodes.get(name.toLowerCase())
  }

  check(node: string, check: string): CheckRecord | undefined {
    return this.checks.get(checkName(node, check))
  }

  /** False when nothing changed, which moves no index either. */
  ensureNode(at: number, node: string, address: string): boolean {
    const existing = this.node(node)
    if (existing?.node === node && existing.address === address) return false
    this.nodesIndex = at
    const createIndex = existing?.createIndex ?? at
    this.nodes.set(node.toLowerCase(), { node, address, createIndex, modifyIndex: at })
    return true
  }

  /** False when nothing changed. */
  ensureCheck(at: number, node: string, check: CheckArguments): boolean {
    const existing = this.check(node, check.check)
    if (existing !== undefined && isSame(existing, check)) return false
    this.checksIndex = at
    const createIndex = existing?.createIndex ?? at
    const record: CheckRecord = { ...check, node, createIndex, modifyIndex: at }
    this.checks.set(checkName(node, check.check), record)
    return true
  }

  removeNode(at: number, node: string): boolean {
    if (!this.nodes.delete(node.toLowerCase())) return false
    this.nodesIndex = at
    return true
  }

  removeCheck(at: number, node: string, check: string): boolean {
    if (!this.checks.delete(checkName(node, check))) return false
    this.checksIndex = at
    return true
  }

  allNodes(): NodeRecord[] {
    return this.nodes.keysWithPrefix('').map((name) => this.nodes.get(name)!)
  }

  checksOf(node: string): CheckRecord[] {
    const names = this.checks.keysWithPrefix(checkName(node, ''))
    return names.map((name) => this.checks.get(name)!)
  }

  restore(nodes: readonly NodeRecord[], checks: readonly CheckRecord[]): void {
    this.nodes.clear()
    this.checks.clear()
    for (const node of nodes) this.nodes.set(node.node.toLowerCase(), node)
    for (const check of checks) this.checks.set(checkName(check.node, check.check), check)
  }
}

function isSame(left: CheckArguments, right: CheckArguments): boolean {
  return left.name === right.name && left.status === right.status && left.output === right.output
}
