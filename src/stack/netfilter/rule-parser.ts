import { type Ipv4Prefix, maskOf, parseIpv4, parsePrefix } from '../../wire/ipv4-address.ts'
import type { Chain, Table } from './chain.ts'
import type { Match } from './match.ts'
import {
  canonicalOption,
  completeGroup,
  matchModule,
  moduleOfProtocol,
  parseDevice,
  parseMatch,
} from './match-parser.ts'
import {
  type AddressMatch,
  type DeviceMatch,
  type MatchGroup,
  protocolNumber,
  protocolText,
  Rule,
} from './rule.ts'
import { TARGET_CHAIN, Target } from './target.ts'
import { IptablesError, type Words } from './words.ts'

const LONG_NAMES = new Map([
  ['--source', '-s'],
  ['--src', '-s'],
  ['--destination', '-d'],
  ['--dst', '-d'],
  ['--in-interface', '-i'],
  ['--out-interface', '-o'],
  ['--protocol', '-p'],
  ['--proto', '-p'],
  ['--match', '-m'],
  ['--jump', '-j'],
  ['--goto', '-g'],
])

/** Chains before which the way out, or behind which the way in, is not known. */
const NO_INPUT = new Set(['OUTPUT', 'POSTROUTING'])
const NO_OUTPUT = new Set(['PREROUTING', 'INPUT'])

const WITH_PORTS = ['tcp', 'udp', 'sctp']

/** Collects the words of one rule, whose chain may be named before, between or behind them. */
export class RuleParser {
  private source: AddressMatch | null = null
  private destination: AddressMatch | null = null
  private input: DeviceMatch | null = null
  private output: DeviceMatch | null = null
  private protocol: number | null = null
  private invertProtocol = false
  private target: Target | null = null
  private readonly groups: MatchGroup[] = []
  private first: string | null = null

  /** The first word of a rule that was seen, or null. */
  get firstWord(): string | null {
    return this.first
  }

  /** Whether the rule does more than count. */
  get hasTarget(): boolean {
    return this.target !== null
  }

  /** Takes one option with its argument. Throws IptablesError for what is none. */
  take(word: string, invert: boolean, words: Words): void {
    this.first ??= word
    const option = LONG_NAMES.get(word) ?? word
    const argument = () => words.argument(word)
    switch (option) {
      case '-s':
        this.source = once(this.source, word, () => parseBlock(argument(), invert))
        return
      case '-d':
        this.destination = once(this.destination, word, () => parseBlock(argument(), invert))
        return
      case '-i':
        this.input = once(this.input, word, () => ({ ...parseDevice(argument()), invert }))
        return
      case '-o':
        this.output = once(this.output, word, () => ({ ...parseDevice(argument()), invert }))
        return
      case '-p':
        this.protocol = once(this.protocol, word, () => parseProtocol(argument(), invert))
        this.invertProtocol = invert
        return
      default:
        this.takeExtension(option, word, invert, argument)
    }
  }

  private takeExtension(
    option: string,
    word: string,
    invert: boolean,
    argument: () => string,
  ): void {
    if (option === '-m' || option === '-j' || option === '-g') {
      if (invert) throw new IptablesError(`"!" cannot stand before "${word}"`, word)
      if (option === '-m') this.addGroup(argument())
      else this.target = once(this.target, word, () => new Target(argument(), option === '-g'))
      return
    }
    if (this.takesMatch(canonicalOption(option), invert, argument)) return
    if (invert || this.target === null || !this.target.takes(option, argument)) {
      throw new IptablesError(`unknown option "${word}"`, word)
    }
  }

  private addGroup(module: string): MatchGroup {
    if (matchModule(module) === undefined) {
      throw new IptablesError(`match "${module}" is not modelled`, module)
    }
    const group = { module, matches: [] }
    this.groups.push(group)
    return group
  }

  private takesMatch(option: string, invert: boolean, argument: () => string): boolean {
    const group = this.groupFor(option)
    if (group === null) return false
    if (group.matches.some((match) => match.option === option)) {
      throw new IptablesError(`option "${option}" given twice`, option)
    }
    group.matches.push(parseMatch(option, invert, argument))
    const { options } = matchModule(group.module)!
    group.matches.sort((a, b) => options.indexOf(a.option) - options.indexOf(b.option))
    return true
  }

  /** The last `-m` that knows the option; the one that the protocol brings along is added then. */
  private groupFor(option: string): MatchGroup | null {
    const named = this.groups.findLast(({ module }) =>
      matchModule(module)!.options.includes(option),
    )
    if (named !== undefined) return named
    if (this.protocol === null || this.invertProtocol) return null
    const module = moduleOfProtocol(this.protocol)
    if (module === undefined || !matchModule(module)!.options.includes(option)) return null
    return this.addGroup(module)
  }

  /** The rule, for a chain of `table`. Throws IptablesError for what does not go together. */
  finish(chain: Chain, table: Table): Rule {
    const target = this.target ?? new Target('', false)
    if (target.kind === TARGET_CHAIN) target.chain = findTargetChain(target, table)
    target.check(table.name)
    this.checkDevices(chain)
    this.checkProtocol(target)
    const groups = this.groups.map((group) => finishGroup(group, chain, table))
    return new Rule(chain, {
      source: this.source,
      destination: this.destination,
      input: this.input,
      output: this.output,
      protocol: this.protocol ?? 0,
      invertProtocol: this.invertProtocol,
      groups,
      target,
    })
  }

  private checkDevices(chain: Chain): void {
    if (!chain.isBuiltIn) return
    if (this.input !== null && NO_INPUT.has(chain.name)) {
      throw new IptablesError(`can't use -i with ${chain.name}`, '-i')
    }
    if (this.output !== null && NO_OUTPUT.has(chain.name)) {
      throw new IptablesError(`can't use -o with ${chain.name}`, '-o')
    }
  }

  private checkProtocol(target: Target): void {
    const protocol = this.invertProtocol ? null : this.protocol
    const hasPorts = protocol !== null && WITH_PORTS.includes(protocolText(protocol))
    for (const { module } of this.groups) {
      const { protocol: needed, needsPorts = false } = matchModule(module)!
      if (needed !== null && needed !== protocol) {
        throw new IptablesError(`match "${module}" needs -p ${protocolText(needed)}`, module)
      }
      if (needsPorts && !hasPorts) {
        throw new IptablesError(`${module} needs -p tcp, udp or sctp`, module)
      }
    }
    if (target.namesPorts && !hasPorts) {
      throw new IptablesError(`${target.name}: ports need -p tcp or -p udp`, target.name)
    }
  }
}

/** What `parse` gives, unless the option was there before. */
function once<T>(before: T | null, option: string, parse: () => T): T {
  if (before !== null) throw new IptablesError(`multiple "${option}" not allowed`, option)
  return parse()
}

function parseProtocol(word: string, invert: boolean): number {
  const protocol = protocolNumber(word)
  if (protocol === null) throw new IptablesError(`unknown protocol "${word}"`, word)
  if (protocol === 0 && invert) throw new IptablesError('rule would never match protocol', word)
  return protocol
}

/** `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or one address. */
function parseBlock(word: string, invert: boolean): AddressMatch {
  const [address = '', mask] = word.split('/')
  const dotted = mask?.includes('.') ? lengthOfMask(mask) : null
  const block: Ipv4Prefix | null = parsePrefix(dotted === null ? word : `${address}/${dotted}`)
  if (block === null) throw new IptablesError(`"${word}" is not an address block`, word)
  return { block, invert }
}

function lengthOfMask(text: string): number | null {
  const mask = parseIpv4(text)
  if (mask === null) return null
  const length = Math.clz32(~mask)
  return maskOf(length) === mask ? length : null
}

/** A copy of the group, complete: a command may be tried on more than one chain. */
function finishGroup({ module, matches }: MatchGroup, chain: Chain, table: Table): MatchGroup {
  const { needsOption, options } = matchModule(module)!
  if (needsOption && matches.length === 0) {
    throw new IptablesError(`${module}: option "${options[0]}" must be specified`, module)
  }
  if (module === 'rpfilter' && !(table.name === 'raw' || table.name === 'mangle')) {
    throw new IptablesError(`rpfilter: only valid in raw or mangle, not ${table.name}`, chain.name)
  }
  const finished = [...matches]
  completeGroup(module, finished)
  for (const match of finished) if (match.setName !== '') findSet(match, table)
  return { module, matches: finished }
}

function findSet(match: Match, table: Table): void {
  const set = table.sets.get(match.setName)
  if (set === undefined) {
    throw new IptablesError(`Set ${match.setName} doesn't exist.`, match.setName)
  }
  const words = match.text.split(',').length
  if (words < set.dimensions) {
    throw new IptablesError(`${set.name} needs ${set.dimensions} of src and dst`, match.text)
  }
  match.set = set
}

function findTargetChain(target: Target, table: Table): Chain {
  const chain = table.chain(target.name)
  if (chain === undefined || chain.isBuiltIn) {
    throw new IptablesError(`no target or chain "${target.name}" in ${table.name}`, target.name)
  }
  return chain
}
