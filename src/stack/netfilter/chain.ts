import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
} from '../namespace.ts'
import type { Rule } from './rule.ts'
import { IptablesError } from './words.ts'

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter'
export type Policy = 'ACCEPT' | 'DROP'

const HOOK_NAMES = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']

/** The built-in chains of each table; tables in the order in which they are saved. */
const BUILT_IN: Readonly<Record<TableName, readonly number[]>> = {
  raw: [HOOK_PREROUTING, HOOK_OUTPUT],
  mangle: [HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT, HOOK_POSTROUTING],
  nat: [HOOK_PREROUTING, HOOK_INPUT, HOOK_OUTPUT, HOOK_POSTROUTING],
  filter: [HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT],
}

export const TABLE_NAMES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter']

/** @returns null for what is no table. */
export function parseTableName(text: string): TableName | null {
  return TABLE_NAMES.find((name) => name === text) ?? null
}

export class Chain {
  readonly table: TableName
  readonly name: string
  /** What happens to packets that no rule decides; null for a chain of the user's. */
  policy: Policy | null
  rules: Rule[] = []

  constructor(table: TableName, name: string, policy: Policy | null) {
    this.table = table
    this.name = name
    this.policy = policy
  }

  get isBuiltIn(): boolean {
    return this.policy !== null
  }

  /** The policy as a command, for traces of what it decided. */
  toString(): string {
    return `-t ${this.table} -P ${this.name} ${this.policy}`
  }
}

/** State of a table, to go back to when a restore fails half-way. */
export type TableState = ReadonlyMap<string, { chain: Chain; policy: Policy | null; rules: Rule[] }>

/** A table: its chains by name, and the built-in ones by hook. */
export class Table {
  readonly name: TableName
  /** By hook number; null where the table has no chain. */
  readonly hooks: (Chain | null)[] = [null, null, null, null, null]
  private readonly chains = new Map<string, Chain>()

  constructor(name: TableName) {
    this.name = name
    for (const hook of BUILT_IN[name]) {
      const chain = new Chain(name, HOOK_NAMES[hook]!, 'ACCEPT')
      this.hooks[hook] = chain
      this.chains.set(chain.name, chain)
    }
  }

  chain(name: string): Chain | undefined {
    return this.chains.get(name)
  }

  add(name: string): Chain {
    const chain = new Chain(this.name, name, null)
    this.chains.set(name, chain)
    return chain
  }

  delete(chain: Chain): void {
    this.chains.delete(chain.name)
  }

  /** Built-in chains by hook, then the user's by name, as iptables-save lists them. */
  list(): Chain[] {
    const all = [...this.chains.values()]
    const own = all.filter((chain) => !chain.isBuiltIn).sort((a, b) => (a.name < b.name ? -1 : 1))
    return [...all.filter((chain) => chain.isBuiltIn), ...own]
  }

  /** The first rule that leads to `chain`. */
  referenceTo(chain: Chain): Rule | undefined {
    for (const { rules } of this.chains.values()) {
      const found = rules.find((rule) => rule.target.chain === chain)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Throws IptablesError for a loop, and for a target at a hook where it cannot work. */
  check(): void {
    for (const [hook, chain] of this.hooks.entries()) {
      if (chain !== null) checkFrom(chain, hook, new Map())
    }
  }

  save(): TableState {
    return new Map(
      [...this.chains].map(([name, chain]) => [
        name,
        { chain, policy: chain.policy, rules: [...chain.rules] },
      ]),
    )
  }

  revert(state: TableState): void {
    this.chains.clear()
    for (const [name, { chain, policy, rules }] of state) {
      chain.policy = policy
      chain.rules = rules
      this.chains.set(name, chain)
    }
  }
}

/** @param seen chains on the way here (`false`) and those that are done with (`true`). */
function checkFrom(chain: Chain, hook: number, seen: Map<Chain, boolean>): void {
  seen.set(chain, false)
  for (const { target } of chain.rules) {
    target.checkHook(hook, HOOK_NAMES[hook]!)
    if (target.chain === null) continue
    const done = seen.get(target.chain)
    if (done === false) throw new IptablesError(`chains loop through ${target.name}`, target.name)
    if (done === undefined) checkFrom(target.chain, hook, seen)
  }
  seen.set(chain, true)
}
