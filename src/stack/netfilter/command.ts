import { type Policy, parseTableName, type TableName } from './chain.ts'
import { RuleParser } from './rule-parser.ts'
import { isTargetName } from './target.ts'
import { IptablesError, parseNumber, Words } from './words.ts'

export type Verb =
  | 'append'
  | 'insert'
  | 'delete'
  | 'check'
  | 'policy'
  | 'new-chain'
  | 'delete-chain'
  | 'flush'

/** One command, read but not carried out. */
export interface Command {
  readonly verb: Verb
  readonly table: TableName
  /** Empty where all chains are meant. */
  readonly chain: string
  /** From 1; 0 when the command names none. */
  readonly position: number
  readonly policy: Policy
  readonly rule: RuleParser
}

const VERBS = new Map<string, Verb>([
  ['-A', 'append'],
  ['-I', 'insert'],
  ['-D', 'delete'],
  ['-C', 'check'],
  ['-P', 'policy'],
  ['-N', 'new-chain'],
  ['-X', 'delete-chain'],
  ['-F', 'flush'],
])

const LONG_VERBS = new Map([...VERBS.values()].map((verb) => [`--${verb}`, verb]))

const TAKES_RULE = new Set<Verb>(['append', 'insert', 'delete', 'check'])
const CHAIN_NAME_MAX = 28
const POSITION_MAX = 0x7fffffff

function verbOf(word: string): Verb | undefined {
  return VERBS.get(word) ?? LONG_VERBS.get(word)
}

/** @param table the table where the command names none. Throws IptablesError. */
export function parseCommand(text: string, table: TableName): Command {
  const words = new Words(text)
  const rule = new RuleParser()
  let command: Pick<Command, 'verb' | 'chain' | 'position' | 'policy'> | null = null
  while (!words.isAtEnd) {
    let word = words.next()!
    const invert = word === '!'
    if (invert) word = words.argument('!')
    const verb = invert ? undefined : verbOf(word)
    if (verb !== undefined) {
      if (command !== null) throw new IptablesError(`a second command, "${word}"`, word)
      command = parseVerb(verb, word, words)
    } else if (!invert && (word === '-t' || word === '--table')) {
      table = tableNamed(words.argument(word))
    } else rule.take(word, invert, words)
  }
  if (command === null) throw new IptablesError('no command specified', '')
  const takesRule = TAKES_RULE.has(command.verb) && !hasPosition(command)
  if (!takesRule && rule.firstWord !== null) {
    throw new IptablesError(`"${rule.firstWord}" does not go with this command`, rule.firstWord)
  }
  return { ...command, table, rule }
}

/** `-D CHAIN NUMBER` names a rule by its place. */
function hasPosition(command: Pick<Command, 'verb' | 'position'>): boolean {
  return command.verb === 'delete' && command.position > 0
}

function tableNamed(word: string): TableName {
  const table = parseTableName(word)
  if (table === null) throw new IptablesError(`no table "${word}"`, word)
  return table
}

function parseVerb(verb: Verb, word: string, words: Words) {
  const mayNameNone = verb === 'flush' || verb === 'delete-chain'
  const isNamed = !words.isAtEnd && !/^[-!]/.test(words.peek()!)
  const chain = mayNameNone && !isNamed ? '' : words.argument(word)
  if (verb === 'new-chain') checkChainName(chain)
  return {
    verb,
    chain,
    position: verb === 'insert' || verb === 'delete' ? parsePosition(words) : 0,
    policy: verb === 'policy' ? parsePolicy(words.argument(word)) : 'ACCEPT',
  } as const
}

function parsePosition(words: Words): number {
  const word = words.peek()
  if (word === undefined || !/^\d/.test(word)) return 0
  words.next()
  const position = parseNumber(word, POSITION_MAX)
  if (position === null || position === 0) {
    throw new IptablesError(`"${word}" is not a rule number`, word)
  }
  return position
}

/** Throws IptablesError for what is no policy. */
export function parsePolicy(word: string): Policy {
  if (word !== 'ACCEPT' && word !== 'DROP') throw new IptablesError(`bad policy "${word}"`, word)
  return word
}

/** Throws IptablesError for a name that a chain of the user's cannot have. */
export function checkChainName(name: string): void {
  if (name === '' || /^[-!]|\s/.test(name) || name.length > CHAIN_NAME_MAX) {
    throw new IptablesError(`"${name}" is not a chain name`, name)
  }
  if (isTargetName(name)) {
    throw new IptablesError(`chain name "${name}" clashes with a target's`, name)
  }
}
