import type { NetNamespace } from '../namespace.ts'
import { type Chain, type Policy, parseTableName, type Table } from './chain.ts'
import { type Command, checkChainName, parseCommand, parsePolicy } from './command.ts'
import { Netfilter } from './netfilter.ts'
import type { Rule } from './rule.ts'
import { IptablesError } from './words.ts'

/**
 * `iptables`, `iptables-restore` and `iptables-save` of a namespace.
 *
 * | what | supported |
 * | --- | --- |
 * | tables | raw, mangle, nat, filter |
 * | commands | -A -I [n] -D [n] -C -P -N -X -F, with -t; long names |
 * | rule | -s -d (a block) -i -o (+ wildcard) -p (name or number) -j -g, `!` before each but -j -g |
 * | -m tcp, udp | --sport --dport, with ranges |
 * | -m icmp | --icmp-type, by name or number, with code |
 * | -m conntrack | --ctstate |
 * | -m mark | --mark value[/mask] |
 * | -m policy | --dir in --pol ipsec, none |
 * | -m u32 | --u32 |
 * | -m comment | --comment |
 * | -m addrtype | --src-type LOCAL, --dst-type LOCAL, --limit-iface-in, --limit-iface-out |
 * | -m multiport | --sports --dports --ports, with ranges, 15 slots |
 * | -m set | --match-set NAME src or dst[,..] |
 * | -m rpfilter | --loose --validmark --accept-local --invert, in raw and mangle; no rules by mark |
 * | -m physdev | --physdev-in --physdev-out --physdev-is-bridged |
 * | -j MARK | --set-xmark --set-mark --or-mark --and-mark --xor-mark |
 * | -j REJECT | --reject-with icmp-* (no tcp-reset) |
 * | -j MASQUERADE | --to-ports --random-fully |
 * | -j SNAT, DNAT | --to-source, --to-destination: one address [:port[-port]]; SNAT --random-fully |
 * | -j CT, NOTRACK | --notrack, in raw |
 * | -j LOG | --log-prefix --log-level |
 * | -j | ACCEPT DROP RETURN, chains |
 *
 * Everything else is refused with an IptablesError that names the word, never ignored.
 */
export class Iptables {
  private readonly namespace: NetNamespace

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
  }

  /**
   * Carries out one command, written without `iptables`.
   * @returns false when `-C` finds no such rule; true otherwise. Throws IptablesError, and then
   *   nothing has changed.
   */
  run(text: string): boolean {
    const command = parseCommand(text, 'filter')
    const table = this.filter.table(command.table)
    return this.atomically(table, () => {
      const found = this.execute(command, table)
      if (needsCheck(command)) table.check()
      return found
    })
  }

  /**
   * `iptables-restore`. A table takes over the text's rules at its COMMIT or, when the text is wrong,
   * stays as it was. Throws IptablesError with the line.
   * @param options `noflush` (-n) adds to what is there; chains that the text declares are emptied.
   */
  restore(text: string, options: { readonly noflush?: boolean } = {}): void {
    const lines = text.split('\n').map((line) => line.trim())
    let at = 0
    while (at < lines.length) {
      const line = lines[at]!
      if (line === '' || line.startsWith('#')) at++
      else if (line.startsWith('*')) at = this.restoreTable(lines, at, options.noflush ?? false)
      else throw new IptablesError(`"${line}" stands outside of a table`, line, at + 1)
    }
  }

  /** @returns the line behind the table's COMMIT. */
  private restoreTable(lines: readonly string[], start: number, noflush: boolean): number {
    let at = start
    try {
      const name = parseTableName(lines[at]!.slice(1))
      if (name === null) throw new IptablesError(`no table "${lines[at]!.slice(1)}"`, lines[at]!)
      const table = this.filter.table(name)
      this.atomically(table, () => {
        if (!noflush) flushTable(table)
        for (at = start + 1; lines[at] !== 'COMMIT'; at++) {
          const line = lines[at]
          if (line === undefined) throw new IptablesError('COMMIT expected at the end', '')
          this.restoreLine(line, table)
        }
        table.check()
        return true
      })
      return at + 1
    } catch (error) {
      throw error instanceof IptablesError ? error.onLine(at + 1) : error
    }
  }

  private restoreLine(line: string, table: Table): void {
    if (line === '' || line.startsWith('#')) return
    if (line.startsWith(':')) {
      declareChain(table, line)
      return
    }
    // Counters, which `iptables-save -c` writes before a rule, are not restored without -c.
    const command = parseCommand(line.replace(/^\[\d+:\d+\]\s*/, ''), table.name)
    if (command.table !== table.name) {
      throw new IptablesError(`"-t ${command.table}" in table ${table.name}`, '-t')
    }
    this.execute(command, table)
  }

  /** What `iptables-save` prints, without its clock and version; empty while there are no tables. */
  save(): string {
    return this.namespace.filter?.save() ?? ''
  }

  /** Grows with every command that was carried out, by whomever. */
  get generation(): number {
    const { filter } = this.namespace
    return filter instanceof Netfilter ? filter.generation : 0
  }

  /** The rules of the namespace, which begin to exist with the first command. */
  private get filter(): Netfilter {
    const { namespace } = this
    if (namespace.filter === null) namespace.filter = new Netfilter(namespace)
    if (namespace.filter instanceof Netfilter) return namespace.filter
    throw new Error(`${namespace.name} has a filter that is not netfilter`)
  }

  private atomically(table: Table, change: () => boolean): boolean {
    const before = table.state()
    try {
      const result = change()
      this.filter.activate(table)
      return result
    } catch (error) {
      table.revert(before)
      throw error
    }
  }

  private execute(command: Command, table: Table): boolean {
    if (command.verb === 'new-chain') {
      if (table.chain(command.chain)) {
        throw new IptablesError(`chain "${command.chain}" already exists`, command.chain)
      }
      table.add(command.chain)
      return true
    }
    if (command.chain === '') {
      const chains = table.list()
      if (command.verb === 'flush') for (const chain of chains) chain.rules = []
      else for (const chain of chains.filter((one) => !one.isBuiltIn)) deleteChain(table, chain)
      return true
    }
    const chain = table.chain(command.chain)
    if (chain === undefined) {
      throw new IptablesError(`no chain "${command.chain}" in ${table.name}`, command.chain)
    }
    return executeOn(chain, command, table)
  }
}

function executeOn(chain: Chain, command: Command, table: Table): boolean {
  switch (command.verb) {
    case 'policy':
      setPolicy(chain, command.policy)
      return true
    case 'flush':
      chain.rules = []
      return true
    case 'delete-chain':
      deleteChain(table, chain)
      return true
    case 'append':
      chain.rules.push(command.rule.finish(chain, table))
      return true
    case 'insert':
      insertRule(chain, command.position || 1, command.rule.finish(chain, table))
      return true
    case 'delete':
      deleteRule(chain, command, table)
      return true
    default:
      return indexOf(chain, command.rule.finish(chain, table)) >= 0
  }
}

function setPolicy(chain: Chain, policy: Policy): void {
  if (!chain.isBuiltIn) {
    throw new IptablesError(`"${chain.name}" is not a built-in chain: it has no policy`, chain.name)
  }
  chain.policy = policy
}

function insertRule(chain: Chain, position: number, rule: Rule): void {
  if (position > chain.rules.length + 1) {
    throw new IptablesError(`${chain.name} has ${chain.rules.length} rules only`, `${position}`)
  }
  chain.rules.splice(position - 1, 0, rule)
}

function deleteRule(chain: Chain, command: Command, table: Table): void {
  const at =
    command.position > 0 ? command.position - 1 : indexOf(chain, command.rule.finish(chain, table))
  if (at < 0 || at >= chain.rules.length) {
    throw new IptablesError(`no such rule in ${chain.name}`, chain.name)
  }
  chain.rules.splice(at, 1)
}

function indexOf(chain: Chain, rule: Rule): number {
  const { text } = rule
  return chain.rules.findIndex((other) => other.text === text)
}

function deleteChain(table: Table, chain: Chain): void {
  const { name } = chain
  if (chain.isBuiltIn) throw new IptablesError(`"${name}" is a built-in chain`, name)
  if (chain.rules.length > 0) throw new IptablesError(`chain "${name}" is not empty`, name)
  const reference = table.referenceTo(chain)
  if (reference !== undefined) {
    throw new IptablesError(`chain "${name}" is still used by ${reference.line}`, name)
  }
  table.delete(chain)
}

/** Only what leads on can make a loop or bring a target to a wrong hook. */
function needsCheck({ verb, rule }: Command): boolean {
  return (verb === 'append' || verb === 'insert') && rule.hasTarget
}

function flushTable(table: Table): void {
  for (const chain of table.list()) {
    chain.rules = []
    if (!chain.isBuiltIn) table.delete(chain)
  }
}

/** `:CHAIN POLICY [packets:bytes]`; a dash is the policy of the user's chains. */
function declareChain(table: Table, line: string): void {
  const [, name, policy] = /^:(\S+)\s+(\S+)(?:\s+\[\d+:\d+\])?$/.exec(line) ?? []
  if (name === undefined || policy === undefined) {
    throw new IptablesError(`"${line}" does not declare a chain`, line)
  }
  const existing = table.chain(name)
  if (existing?.isBuiltIn) {
    if (policy !== '-') setPolicy(existing, parsePolicy(policy))
    return
  }
  if (policy !== '-') throw new IptablesError(`chain "${name}" cannot have a policy`, policy)
  checkChainName(name)
  if (existing === undefined) table.add(name)
  else existing.rules = []
}
