import {
  ICMP_HOST_ANO,
  ICMP_HOST_UNREACH,
  ICMP_NET_ANO,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PORT_UNREACH,
  ICMP_PROT_UNREACH,
} from '../../wire/icmp.ts'
import { formatIpv4, parseIpv4 } from '../../wire/ipv4-address.ts'
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
} from '../namespace.ts'
import type { Chain } from './chain.ts'
import type { NatRange } from './nat.ts'
import { IptablesError, parseNumber, quoted } from './words.ts'

/** What a rule does with a packet that fits. */
export const TARGET_NONE = 0
export const TARGET_ACCEPT = 1
export const TARGET_DROP = 2
export const TARGET_RETURN = 3
export const TARGET_CHAIN = 4
export const TARGET_MARK = 5
export const TARGET_REJECT = 6
export const TARGET_MASQUERADE = 7
const TARGET_SNAT = 8
const TARGET_DNAT = 9
export const TARGET_NOTRACK = 10
export const TARGET_LOG = 11

const KINDS = new Map([
  ['ACCEPT', TARGET_ACCEPT],
  ['DROP', TARGET_DROP],
  ['RETURN', TARGET_RETURN],
  ['MARK', TARGET_MARK],
  ['REJECT', TARGET_REJECT],
  ['MASQUERADE', TARGET_MASQUERADE],
  ['SNAT', TARGET_SNAT],
  ['DNAT', TARGET_DNAT],
  ['CT', TARGET_NOTRACK],
  ['NOTRACK', TARGET_NOTRACK],
  ['LOG', TARGET_LOG],
])

/** Codes of the "destination unreachable" that REJECT sends. */
const REJECT_CODES = new Map([
  ['icmp-net-unreachable', ICMP_NET_UNREACH],
  ['icmp-host-unreachable', ICMP_HOST_UNREACH],
  ['icmp-proto-unreachable', ICMP_PROT_UNREACH],
  ['icmp-port-unreachable', ICMP_PORT_UNREACH],
  ['icmp-net-prohibited', ICMP_NET_ANO],
  ['icmp-host-prohibited', ICMP_HOST_ANO],
  ['icmp-admin-prohibited', ICMP_PKT_FILTERED],
])

/** Where targets that do more than decide may stand; the others may stand anywhere. */
const PLACES = new Map<string, { readonly table: string; readonly hooks: readonly number[] }>([
  ['REJECT', { table: 'filter', hooks: [HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT] }],
  ['MASQUERADE', { table: 'nat', hooks: [HOOK_POSTROUTING] }],
  ['SNAT', { table: 'nat', hooks: [HOOK_POSTROUTING, HOOK_INPUT] }],
  ['DNAT', { table: 'nat', hooks: [HOOK_PREROUTING, HOOK_OUTPUT] }],
  ['CT', { table: 'raw', hooks: [HOOK_PREROUTING, HOOK_OUTPUT] }],
  ['NOTRACK', { table: 'raw', hooks: [HOOK_PREROUTING, HOOK_OUTPUT] }],
])

/** Options of which a target must have one. */
const REQUIRED = new Map([
  ['MARK', ['--set-xmark', '--set-mark', '--or-mark', '--and-mark', '--xor-mark']],
  ['CT', ['--notrack']],
  ['SNAT', ['--to-source']],
  ['DNAT', ['--to-destination']],
])

const WORD_MAX = 0xffffffff
/** The kernel's `warning`. */
const LOG_LEVEL_DEFAULT = 4
const LOG_PREFIX_MAX = 29

/** The end of a rule: `-j` or `-g` with what follows. One class for all kinds, as with matches. */
export class Target {
  readonly kind: number
  readonly name: string
  /** Of TARGET_CHAIN: where to, and whether RETURN comes back here (`-j`) or to who called (`-g`). */
  chain: Chain | null = null
  readonly isGoto: boolean
  /** Of MARK: mark = (mark & ~mask) ^ value. */
  value = 0
  mask = -1
  /** Code of the ICMP error that REJECT sends. */
  code = ICMP_PORT_UNREACH
  /** Of SNAT and DNAT, and of MASQUERADE without its address. */
  range: NatRange = { address: 0, firstPort: -1, lastPort: -1, randomFully: false }
  /** Of LOG. */
  prefix = ''
  level = LOG_LEVEL_DEFAULT
  private readonly options = new Set<string>()

  constructor(name: string, isGoto: boolean) {
    this.name = name
    this.isGoto = isGoto
    this.kind = name === '' ? TARGET_NONE : isGoto ? TARGET_CHAIN : targetKind(name)
  }

  get namesPorts(): boolean {
    return this.range.firstPort >= 0
  }

  /** Whether `option` is one of this target; takes its argument then. */
  takes(option: string, argument: () => string): boolean {
    if (!this.takesOption(option, argument)) return false
    if (this.options.has(option) || (this.kind === TARGET_MARK && this.options.size > 0)) {
      throw new IptablesError(`${this.name}: "${option}" is one option too many`, option)
    }
    this.options.add(option)
    return true
  }

  private takesOption(option: string, argument: () => string): boolean {
    switch (this.kind) {
      case TARGET_MARK:
        return this.takesMark(option, argument)
      case TARGET_REJECT:
        if (option !== '--reject-with') return false
        this.code = rejectCode(argument())
        return true
      case TARGET_MASQUERADE:
        if (option === '--to-ports') this.setPorts(argument())
        else return this.takesRandomFully(option)
        return true
      case TARGET_SNAT:
        if (option === '--to-source') this.setAddress(argument())
        else return this.takesRandomFully(option)
        return true
      case TARGET_DNAT:
        if (option !== '--to-destination') return false
        this.setAddress(argument())
        return true
      case TARGET_NOTRACK:
        return option === '--notrack' && this.name === 'CT'
      case TARGET_LOG:
        return this.takesLog(option, argument)
      default:
        return false
    }
  }

  private takesLog(option: string, argument: () => string): boolean {
    if (option === '--log-prefix') {
      this.prefix = argument()
      if (this.prefix.length > LOG_PREFIX_MAX) {
        throw new IptablesError(`LOG: prefix longer than ${LOG_PREFIX_MAX} characters`, option)
      }
      return true
    }
    if (option !== '--log-level') return false
    const word = argument()
    const level = parseNumber(word, 7)
    if (level === null) throw new IptablesError(`LOG: "${word}" is not a level, 0 to 7`, word)
    this.level = level
    return true
  }

  private takesRandomFully(option: string): boolean {
    if (option !== '--random-fully') return false
    this.range = { ...this.range, randomFully: true }
    return true
  }

  private takesMark(option: string, argument: () => string): boolean {
    switch (option) {
      case '--set-xmark':
        ;[this.value, this.mask] = parseMasked(argument())
        return true
      case '--set-mark':
        ;[this.value, this.mask] = parseMasked(argument())
        this.mask |= this.value
        return true
      case '--or-mark':
        this.value = parseWord(argument())
        this.mask = this.value
        return true
      case '--and-mark':
        this.mask = ~parseWord(argument())
        return true
      case '--xor-mark':
        this.value = parseWord(argument())
        this.mask = 0
        return true
      default:
        return false
    }
  }

  private setPorts(text: string): void {
    const [first, last] = parsePorts(text, '-')
    this.range = { ...this.range, firstPort: first, lastPort: last }
  }

  private setAddress(text: string): void {
    const [, host = '', ports] = /^([^:]*)(?::(.*))?$/.exec(text) ?? []
    const address = parseIpv4(host)
    if (address === null) throw new IptablesError(`"${text}" is not an address with ports`, text)
    this.range = { ...this.range, address }
    if (ports !== undefined) this.setPorts(ports)
  }

  /** Throws IptablesError when an option is missing or the target has no place in the table. */
  check(table: string): void {
    const { name } = this
    const required = REQUIRED.get(name)
    if (required?.some((option) => this.options.has(option)) === false) {
      throw new IptablesError(`${name}: option "${required[0]}" must be specified`, name)
    }
    const place = PLACES.get(name)
    if (place !== undefined && place.table !== table) {
      throw new IptablesError(`${name}: only valid in the ${place.table} table, not ${table}`, name)
    }
    if (table === 'nat' && name === 'DROP') {
      throw new IptablesError('the nat table is not for filtering: DROP is inhibited', name)
    }
  }

  /** Throws IptablesError when a packet may reach the target at a hook where it cannot work. */
  checkHook(hook: number, hookName: string): void {
    const place = PLACES.get(this.name)
    if (place === undefined || place.hooks.includes(hook)) return
    throw new IptablesError(`${this.name}: cannot be used from ${hookName}`, this.name)
  }

  /** As iptables-save prints it, from ` -j` on; empty when the rule only counts. */
  toString(): string {
    if (this.kind === TARGET_NONE) return ''
    return `${this.isGoto ? ' -g' : ' -j'} ${this.name}${this.describeOptions()}`
  }

  private describeLog(): string {
    const prefix = this.prefix === '' ? '' : ` --log-prefix ${quoted(this.prefix)}`
    return this.level === LOG_LEVEL_DEFAULT ? prefix : `${prefix} --log-level ${this.level}`
  }

  private describeOptions(): string {
    const { range } = this
    const ports = portsText(range.firstPort, range.lastPort, '-')
    const random = range.randomFully ? ' --random-fully' : ''
    const address = `${formatIpv4(range.address)}${ports === '' ? '' : `:${ports}`}`
    switch (this.kind) {
      case TARGET_MARK:
        return ` --set-xmark ${hex(this.value)}/${hex(this.mask)}`
      case TARGET_REJECT:
        return ` --reject-with ${[...REJECT_CODES].find(([, code]) => code === this.code)![0]}`
      case TARGET_MASQUERADE:
        return `${ports === '' ? '' : ` --to-ports ${ports}`}${random}`
      case TARGET_SNAT:
        return ` --to-source ${address}${random}`
      case TARGET_DNAT:
        return ` --to-destination ${address}`
      case TARGET_NOTRACK:
        return this.name === 'CT' ? ' --notrack' : ''
      case TARGET_LOG:
        return this.describeLog()
      default:
        return ''
    }
  }
}

/** Whether a chain may not have this name. */
export function isTargetName(name: string): boolean {
  return KINDS.has(name)
}

function targetKind(name: string): number {
  return KINDS.get(name) ?? TARGET_CHAIN
}

function rejectCode(name: string): number {
  const code = REJECT_CODES.get(name)
  if (code === undefined) throw new IptablesError(`unknown reject type "${name}"`, name)
  return code
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`
}

function parseWord(text: string): number {
  const value = parseNumber(text, WORD_MAX)
  if (value === null) throw new IptablesError(`"${text}" is not a 32-bit number`, text)
  return value | 0
}

/** `value` or `value/mask`, as signed 32-bit integers. */
export function parseMasked(text: string): [value: number, mask: number] {
  const slash = text.indexOf('/')
  if (slash < 0) return [parseWord(text), -1]
  return [parseWord(text.slice(0, slash)), parseWord(text.slice(slash + 1))]
}

/** `80` or `80-90`, with the given separator; `:80` and `80:` are open where it is a colon. */
export function parsePorts(text: string, separator: '-' | ':'): [first: number, last: number] {
  const at = text.indexOf(separator)
  const isOpen = separator === ':'
  const low = at < 0 ? text : text.slice(0, at)
  const high = at < 0 ? text : text.slice(at + 1)
  const first = low === '' && isOpen && at >= 0 ? 0 : parseNumber(low, 0xffff)
  const last = high === '' && isOpen && at >= 0 ? 0xffff : parseNumber(high, 0xffff)
  if (first === null || last === null || first > last) {
    throw new IptablesError(`"${text}" is not a port or a range of ports`, text)
  }
  return [first, last]
}

/** Empty for the range that begins below zero: none. */
export function portsText(first: number, last: number, separator: '-' | ':'): string {
  if (first < 0) return ''
  return first === last ? `${first}` : `${first}${separator}${last}`
}
