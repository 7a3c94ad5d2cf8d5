import type { Host } from '../../../../host/host.ts'
import type { ChainTables, TableName } from '../dataplane-part.ts'
import { CHAIN_PREFIX, type KernelRule, readTables, withHash } from './kernel-table.ts'
import { ruleHashes } from './names.ts'

const TABLES: readonly TableName[] = ['raw', 'mangle', 'nat', 'filter']

/** Felix's rules in the kernel (felix/iptables/table.go). */
export class IptablesTables implements ChainTables {
  private readonly host: Host
  private readonly tables: ReadonlyMap<TableName, OneTable>
  /** The kernel has to be looked at before it is written to. */
  private isUnknown = true

  constructor(host: Host) {
    this.host = host
    this.tables = new Map(TABLES.map((name) => [name, new OneTable(host, name)]))
  }

  setChain(table: TableName, chain: string, rules: readonly string[] | null): void {
    this.tables.get(table)!.setChain(chain, rules)
  }

  insert(table: TableName, kernelChain: string, rules: readonly string[]): void {
    this.tables.get(table)!.insert(kernelChain, rules)
  }

  append(table: TableName, kernelChain: string, rules: readonly string[]): void {
    this.tables.get(table)!.append(kernelChain, rules)
  }

  /**
   * Writes what differs from the kernel as it was last seen: one restore a table, in which only chains that
   * have changed are given anew. What an earlier Felix left and nobody wants goes.
   * @returns whether anything was written.
   */
  apply(): boolean {
    if (this.isUnknown) {
      const found = readTables(this.host.commands.iptables.save())
      for (const [name, table] of this.tables) table.see(found.get(name) ?? new Map())
      this.isUnknown = false
    }
    let hasWritten = false
    for (const table of this.tables.values()) if (table.apply()) hasWritten = true
    return hasWritten
  }

  /** Looks at the kernel again before the next application, which mends what somebody else changed. */
  resync(): void {
    this.isUnknown = true
  }
}

interface Wanted {
  readonly rules: readonly string[]
  readonly hashes: readonly string[]
}

/** Rules before and behind those of others in a chain of the kernel. */
interface Hooked {
  inserted: Wanted
  appended: Wanted
}

const TARGET = /(?:^| )(?:--jump|--goto|-j|-g) (cali-\S+)/

const NOTHING: Wanted = { rules: [], hashes: [] }

class OneTable {
  private readonly host: Host
  private readonly name: TableName
  private readonly chains = new Map<string, Wanted>()
  private readonly hooked = new Map<string, Hooked>()
  /** The kernel as it was last seen. */
  private kernel = new Map<string, KernelRule[]>()
  /** Chains that may differ from the kernel's. */
  private readonly dirty = new Set<string>()

  constructor(host: Host, name: TableName) {
    this.host = host
    this.name = name
  }

  setChain(chain: string, rules: readonly string[] | null): void {
    const before = this.chains.get(chain)
    if (rules === null) {
      if (this.chains.delete(chain)) this.dirty.add(chain)
      return
    }
    if (before !== undefined && isSame(before.rules, rules)) return
    this.chains.set(chain, hashed(chain, rules))
    this.dirty.add(chain)
    this.expect(rules)
  }

  /** Chains to which rules lead and of which nobody has said anything: they are there, and empty. */
  private expect(rules: readonly string[]): void {
    for (const rule of rules) {
      const target = TARGET.exec(rule)?.[1]
      if (target === undefined || this.chains.has(target)) continue
      this.chains.set(target, NOTHING)
      this.dirty.add(target)
    }
  }

  insert(chain: string, rules: readonly string[]): void {
    this.hook(chain).inserted = hashed(chain, rules)
    this.dirty.add(chain)
    this.expect(rules)
  }

  append(chain: string, rules: readonly string[]): void {
    this.hook(chain).appended = hashed(chain, rules)
    this.dirty.add(chain)
  }

  private hook(chain: string): Hooked {
    let hooked = this.hooked.get(chain)
    if (hooked === undefined) {
      hooked = { inserted: NOTHING, appended: NOTHING }
      this.hooked.set(chain, hooked)
    }
    return hooked
  }

  /** Takes over what stands in the kernel: everything may differ from it. */
  see(kernel: Map<string, KernelRule[]>): void {
    this.kernel = kernel
    for (const chain of this.chains.keys()) this.dirty.add(chain)
    for (const chain of this.hooked.keys()) this.dirty.add(chain)
    for (const chain of kernel.keys()) {
      if (chain.startsWith(CHAIN_PREFIX)) this.dirty.add(chain)
    }
  }

  apply(): boolean {
    const { kernel } = this
    const lines: string[] = []
    const removed: string[] = []
    for (const chain of this.dirty) {
      if (this.hooked.has(chain)) continue
      const wanted = this.chains.get(chain)
      if (wanted === undefined && kernel.has(chain)) removed.push(chain)
      else if (wanted !== undefined && !isWritten(wanted, kernel.get(chain))) {
        lines.push(...this.rewrite(chain, wanted, kernel))
      }
    }
    for (const [chain, hooked] of this.hooked) {
      if (this.dirty.has(chain)) lines.push(...this.rehook(chain, hooked, kernel))
    }
    lines.push(...removed.map((chain) => `-X ${chain}`))
    this.dirty.clear()
    if (lines.length === 0 && removed.length === 0) return false
    const declared = [...removed, ...lines.filter(isDeclaration)].map(declaration)
    this.write([...new Set(declared), ...lines.filter((line) => !isDeclaration(line))])
    for (const chain of removed) kernel.delete(chain)
    return true
  }

  private rewrite(chain: string, { rules, hashes }: Wanted, kernel: Map<string, KernelRule[]>) {
    const texts = rules.map((rule, i) => withHash(rule, hashes[i]!))
    kernel.set(
      chain,
      texts.map((text, i) => ({ hash: hashes[i]!, text })),
    )
    return [declaration(chain), ...texts.map((text) => `-A ${chain} ${text}`)]
  }

  private rehook(chain: string, hooked: Hooked, kernel: Map<string, KernelRule[]>): string[] {
    const { inserted, appended } = hooked
    const present = kernel.get(chain) ?? []
    const own = present.filter(({ hash }) => hash !== null)
    const others = present.filter(({ hash }) => hash === null)
    const before = rulesOf(inserted)
    const behind = rulesOf(appended)
    const wanted = [...before, ...others, ...behind]
    if (isSame(present.map(hashOf), wanted.map(hashOf))) return []
    kernel.set(chain, wanted)
    return [
      ...own.map(({ text }) => `-D ${chain} ${text}`),
      ...before.map(({ text }, i) => `-I ${chain} ${i + 1} ${text}`),
      ...behind.map(({ text }) => `-A ${chain} ${text}`),
    ]
  }

  private write(lines: readonly string[]): void {
    const text = [`*${this.name}`, ...lines, 'COMMIT', ''].join('\n')
    this.host.commands.iptables.restore(text, { noflush: true })
  }
}

function hashed(chain: string, rules: readonly string[]): Wanted {
  return { rules: [...rules], hashes: ruleHashes(chain, rules) }
}

function rulesOf({ rules, hashes }: Wanted): KernelRule[] {
  return rules.map((rule, i) => ({ hash: hashes[i]!, text: withHash(rule, hashes[i]!) }))
}

function hashOf({ hash }: KernelRule): string {
  return hash ?? ''
}

function declaration(chain: string): string {
  return chain.startsWith(':') ? chain : `:${chain} - [0:0]`
}

function isDeclaration(line: string): boolean {
  return line.startsWith(':')
}

function isWritten({ hashes }: Wanted, present: readonly KernelRule[] | undefined): boolean {
  return present !== undefined && isSame(present.map(hashOf), hashes)
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i])
}
