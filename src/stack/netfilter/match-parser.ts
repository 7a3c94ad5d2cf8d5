import { PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/frame.ts'
import {
  ICMP_TYPE_ANY,
  MATCH_COMMENT,
  MATCH_CONNTRACK_STATE,
  MATCH_DESTINATION_LOCAL,
  MATCH_DESTINATION_PORT,
  MATCH_DESTINATION_PORTS,
  MATCH_EITHER_PORTS,
  MATCH_FLAG,
  MATCH_ICMP_TYPE,
  MATCH_MARK,
  MATCH_PHYSDEV_BRIDGED,
  MATCH_PHYSDEV_IN,
  MATCH_PHYSDEV_OUT,
  MATCH_POLICY,
  MATCH_RPFILTER,
  MATCH_SET,
  MATCH_SOURCE_LOCAL,
  MATCH_SOURCE_PORT,
  MATCH_SOURCE_PORTS,
  MATCH_U32,
  Match,
  STATE_DESTINATION_NAT,
  STATE_ESTABLISHED,
  STATE_INVALID,
  STATE_NEW,
  STATE_RELATED,
  STATE_SOURCE_NAT,
  STATE_UNTRACKED,
} from './match.ts'
import { hex, parseMasked, parsePorts, portsText } from './target.ts'
import { parseU32, u32Text } from './u32.ts'
import { IptablesError, parseNumber, quoted } from './words.ts'

interface MatchModule {
  /** Its options in the order in which they are printed. */
  readonly options: readonly string[]
  /** Whether `-m NAME` alone says nothing and is refused. */
  readonly needsOption: boolean
  /** The protocol that the rule must have; with it, the module need not be named. */
  readonly protocol: number | null
  /** Whether the rule must have a protocol with ports. */
  readonly needsPorts?: boolean
}

const PORTS = ['--sport', '--dport']
const MODULES = new Map<string, MatchModule>([
  ['tcp', { options: PORTS, needsOption: false, protocol: PROTOCOL_TCP }],
  ['udp', { options: PORTS, needsOption: false, protocol: PROTOCOL_UDP }],
  ['icmp', { options: ['--icmp-type'], needsOption: true, protocol: PROTOCOL_ICMP }],
  ['conntrack', { options: ['--ctstate'], needsOption: true, protocol: null }],
  ['mark', { options: ['--mark'], needsOption: true, protocol: null }],
  ['policy', { options: ['--dir', '--pol'], needsOption: true, protocol: null }],
  ['u32', { options: ['--u32'], needsOption: true, protocol: null }],
  ['comment', { options: ['--comment'], needsOption: true, protocol: null }],
  [
    'addrtype',
    {
      options: ['--src-type', '--dst-type', '--limit-iface-in', '--limit-iface-out'],
      needsOption: true,
      protocol: null,
    },
  ],
  [
    'multiport',
    {
      options: ['--sports', '--dports', '--ports'],
      needsOption: true,
      protocol: null,
      needsPorts: true,
    },
  ],
  ['set', { options: ['--match-set'], needsOption: true, protocol: null }],
  [
    'rpfilter',
    {
      options: ['--loose', '--validmark', '--accept-local', '--invert'],
      needsOption: false,
      protocol: null,
    },
  ],
  [
    'physdev',
    {
      options: ['--physdev-in', '--physdev-out', '--physdev-is-bridged'],
      needsOption: true,
      protocol: null,
    },
  ],
])

const STATES = new Map([
  ['INVALID', STATE_INVALID],
  ['NEW', STATE_NEW],
  ['RELATED', STATE_RELATED],
  ['ESTABLISHED', STATE_ESTABLISHED],
  ['UNTRACKED', STATE_UNTRACKED],
  ['SNAT', STATE_SOURCE_NAT],
  ['DNAT', STATE_DESTINATION_NAT],
])

/** Type and code of the names that iptables knows; those of a type alone have no code. */
const ICMP_NAMES = new Map<string, readonly [type: number, code: number | null]>([
  ['any', [ICMP_TYPE_ANY, null]],
  ['echo-reply', [0, null]],
  ['destination-unreachable', [3, null]],
  ['network-unreachable', [3, 0]],
  ['host-unreachable', [3, 1]],
  ['protocol-unreachable', [3, 2]],
  ['port-unreachable', [3, 3]],
  ['fragmentation-needed', [3, 4]],
  ['network-prohibited', [3, 9]],
  ['host-prohibited', [3, 10]],
  ['communication-prohibited', [3, 13]],
  ['source-quench', [4, null]],
  ['redirect', [5, null]],
  ['echo-request', [8, null]],
  ['time-exceeded', [11, null]],
  ['ttl-exceeded', [11, null]],
  ['ttl-zero-during-transit', [11, 0]],
  ['ttl-zero-during-reassembly', [11, 1]],
  ['parameter-problem', [12, null]],
  ['timestamp-request', [13, null]],
  ['timestamp-reply', [14, null]],
])

const COMMENT_BYTES_MAX = 255

/** @returns undefined for a module that is not modelled. */
export function matchModule(name: string): MatchModule | undefined {
  return MODULES.get(name)
}

/** The module that `-p` brings along. */
export function moduleOfProtocol(protocol: number): string | undefined {
  for (const [name, module] of MODULES) if (module.protocol === protocol) return name
  return undefined
}

const LONG_OPTIONS = new Map([
  ['--source-port', '--sport'],
  ['--destination-port', '--dport'],
  ['--source-ports', '--sports'],
  ['--destination-ports', '--dports'],
])

/** Long names that mean the same. */
export function canonicalOption(option: string): string {
  return LONG_OPTIONS.get(option) ?? option
}

/**
 * Brings together what the options of one `-m` say of each other. rpfilter becomes one match, whose words
 * stay as they were. Throws IptablesError for what does not go together.
 */
export function completeGroup(module: string, matches: Match[]): void {
  const has = (option: string) => matches.some((match) => match.option === option)
  if (module === 'addrtype') {
    const [limitsIn, limitsOut] = [has('--limit-iface-in'), has('--limit-iface-out')]
    if (limitsIn && limitsOut) {
      throw new IptablesError('only one limiting interface may be given', '--limit-iface-out')
    }
    for (const match of matches) match.limit = limitsIn ? 'in' : limitsOut ? 'out' : ''
  }
  if (module === 'policy' && !(has('--dir') && has('--pol'))) {
    throw new IptablesError('"-m policy" needs --dir and --pol', '--pol')
  }
  if (module === 'rpfilter') {
    const test = new Match(MATCH_RPFILTER, '', '', has('--invert'))
    test.isLoose = has('--loose')
    test.acceptsLocal = has('--accept-local')
    matches.push(test)
  }
}

/** Reads one option of a module. Throws IptablesError for a wrong argument. */
export function parseMatch(option: string, invert: boolean, argument: () => string): Match {
  switch (option) {
    case '--sport':
      return ports(MATCH_SOURCE_PORT, option, argument(), invert)
    case '--dport':
      return ports(MATCH_DESTINATION_PORT, option, argument(), invert)
    case '--icmp-type':
      return icmpType(argument(), invert)
    case '--ctstate':
      return conntrackState(argument(), invert)
    case '--mark':
      return mark(argument(), invert)
    case '--dir':
      return policyDirection(argument(), invert)
    case '--pol':
      return policy(argument(), invert)
    case '--u32':
      return u32(argument(), invert)
    case '--comment':
      return comment(argument(), invert)
    case '--src-type':
      return addressType(MATCH_SOURCE_LOCAL, option, argument(), invert)
    case '--dst-type':
      return addressType(MATCH_DESTINATION_LOCAL, option, argument(), invert)
    case '--physdev-in':
      return physdev(MATCH_PHYSDEV_IN, option, argument(), invert)
    case '--physdev-out':
      return physdev(MATCH_PHYSDEV_OUT, option, argument(), invert)
    case '--physdev-is-bridged':
      return new Match(MATCH_PHYSDEV_BRIDGED, option, '', invert)
    case '--sports':
      return multiport(MATCH_SOURCE_PORTS, option, argument(), invert)
    case '--dports':
      return multiport(MATCH_DESTINATION_PORTS, option, argument(), invert)
    case '--ports':
      return multiport(MATCH_EITHER_PORTS, option, argument(), invert)
    case '--match-set':
      return matchSet(argument(), argument(), invert)
    default:
      if (invert) throw new IptablesError(`"${option}" cannot be inverted`, option)
      return new Match(MATCH_FLAG, option, '', false)
  }
}

/** XT_MULTI_PORTS: a range takes two. */
const PORT_SLOTS = 15

function multiport(kind: number, option: string, word: string, invert: boolean): Match {
  const ranges = word.split(',').map((one) => parsePorts(one, ':'))
  let slots = 0
  for (const [first, last] of ranges) slots += first === last ? 1 : 2
  if (slots > PORT_SLOTS) throw new IptablesError('too many ports specified', word)
  const text = ranges.map(([first, last]) => portsText(first, last, ':')).join(',')
  const match = new Match(kind, option, text, invert)
  match.ranges = ranges
  return match
}

function matchSet(name: string, directions: string, invert: boolean): Match {
  const words = directions.split(',')
  if (words.length > 2 || words.some((word) => word !== 'src' && word !== 'dst')) {
    throw new IptablesError(`"${directions}" is not src or dst`, directions)
  }
  const match = new Match(MATCH_SET, '--match-set', `${name} ${directions}`, invert)
  match.setName = name
  match.firstIsSource = words[0] === 'src'
  match.secondIsSource = words[1] === 'src'
  return match
}

function ports(kind: number, option: string, word: string, invert: boolean): Match {
  const [first, last] = parsePorts(word, ':')
  const match = new Match(kind, option, portsText(first, last, ':'), invert)
  match.first = first
  match.last = last
  return match
}

function icmpType(word: string, invert: boolean): Match {
  const [type, code] = ICMP_NAMES.get(word) ?? icmpNumbers(word)
  const name = type === ICMP_TYPE_ANY ? 'any' : `${type}`
  const text = code === null ? name : `${type}/${code}`
  const match = new Match(MATCH_ICMP_TYPE, '--icmp-type', text, invert)
  match.first = type
  match.firstCode = code ?? 0
  match.lastCode = code ?? 0xff
  return match
}

function icmpNumbers(word: string): readonly [type: number, code: number | null] {
  const [head = '', tail, ...rest] = word.split('/')
  const type = parseNumber(head, 0xff)
  const code = tail === undefined ? null : parseNumber(tail, 0xff)
  if (type === null || (tail !== undefined && code === null) || rest.length > 0) {
    throw new IptablesError(`unknown ICMP type "${word}"`, word)
  }
  return [type, code]
}

function conntrackState(word: string, invert: boolean): Match {
  let bits = 0
  for (const name of word.split(',')) {
    const bit = STATES.get(name.toUpperCase())
    if (bit === undefined) throw new IptablesError(`bad ctstate "${name}"`, name)
    bits |= bit
  }
  const names = [...STATES].filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name)
  const match = new Match(MATCH_CONNTRACK_STATE, '--ctstate', names.join(','), invert)
  match.first = bits
  return match
}

function mark(word: string, invert: boolean): Match {
  const [value, mask] = parseMasked(word)
  const text = mask === -1 ? hex(value) : `${hex(value)}/${hex(mask)}`
  const match = new Match(MATCH_MARK, '--mark', text, invert)
  match.first = value
  match.last = mask
  return match
}

function policyDirection(word: string, invert: boolean): Match {
  if (invert) throw new IptablesError('"--dir" cannot be inverted', '--dir')
  if (word !== 'in') throw new IptablesError(`direction "${word}" is not modelled, only in`, word)
  return new Match(MATCH_FLAG, '--dir', word, false)
}

function policy(word: string, invert: boolean): Match {
  if (invert) throw new IptablesError('"--pol" cannot be inverted', '--pol')
  if (word !== 'ipsec' && word !== 'none') {
    throw new IptablesError(`"${word}" is neither ipsec nor none`, word)
  }
  const match = new Match(MATCH_POLICY, '--pol', word, false)
  match.first = word === 'ipsec' ? 1 : 0
  return match
}

function u32(word: string, invert: boolean): Match {
  const tests = parseU32(word)
  const match = new Match(MATCH_U32, '--u32', `"${u32Text(tests)}"`, invert)
  match.tests = tests
  return match
}

function comment(word: string, invert: boolean): Match {
  if (invert) throw new IptablesError('"--comment" cannot be inverted', '--comment')
  if (word.length > COMMENT_BYTES_MAX) {
    throw new IptablesError(`comment is longer than ${COMMENT_BYTES_MAX} bytes`, word)
  }
  return new Match(MATCH_COMMENT, '--comment', quoted(word), false)
}

function addressType(kind: number, option: string, word: string, invert: boolean): Match {
  if (word !== 'LOCAL') {
    throw new IptablesError(`address type "${word}" is not modelled, only LOCAL`, word)
  }
  return new Match(kind, option, word, invert)
}

function physdev(kind: number, option: string, word: string, invert: boolean): Match {
  const match = new Match(kind, option, word, invert)
  const { name, isPrefix } = parseDevice(word)
  match.device = name
  match.isPrefix = isPrefix
  return match
}

/** IFNAMSIZ, less the zero at the end. */
const DEVICE_NAME_MAX = 15

/** A device's name, or with `+` how it begins. Throws IptablesError. */
export function parseDevice(word: string): { name: string; isPrefix: boolean } {
  if (word === '' || word.length > DEVICE_NAME_MAX || /[/\s]/.test(word)) {
    throw new IptablesError(`"${word}" is not a device name`, word)
  }
  const isPrefix = word.endsWith('+')
  return { name: isPrefix ? word.slice(0, -1) : word, isPrefix }
}
