/** Where a selector is wrong, and how. */
export class SelectorError extends Error {
  /** Offset into the text, from 0. */
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.name = 'SelectorError'
    this.at = at
  }
}

export type TokenKind =
  | 'label'
  | 'string'
  | 'has'
  | 'all()'
  | 'global()'
  | '=='
  | '!='
  | 'in'
  | 'not in'
  | 'contains'
  | 'starts with'
  | 'ends with'
  | '{'
  | '}'
  | ','
  | '('
  | ')'
  | '!'
  | '&&'
  | '||'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** The label, or what a string holds. */
  readonly text: string
  readonly at: number
}

const LABEL_LENGTH_MAX = 512

const SIGNS: readonly TokenKind[] = ['==', '!=', '&&', '||', '!', '{', '}', '(', ')', ',']
const CALLS = /(has)\s*\(\s*|(all|global)\s*\(\s*\)/y
const OPERATORS = /(?:not\s+in|in|contains|starts\s*with|ends\s*with)(?![A-Za-z0-9_./-])/y
const LABEL = /[A-Za-z0-9_./-]+/y

/**
 * The words of a selector (libcalico-go/lib/selector/tokenizer). `has(` takes its bracket along. What may
 * be a label or an operator is an operator only behind a label. Throws SelectorError.
 */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++
      continue
    }
    const { token, end } = tokenAt(text, at, tokens.at(-1)?.kind === 'label' && !isCalled(tokens))
    tokens.push(token)
    at = end
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

/** Whether the last token is the label of `has(`. */
function isCalled(tokens: readonly Token[]): boolean {
  return tokens.at(-2)?.kind === 'has'
}

function tokenAt(text: string, at: number, isBehindLabel: boolean): { token: Token; end: number } {
  const sign = SIGNS.find((one) => text.startsWith(one, at))
  if (sign !== undefined) return found(sign, '', at, at + sign.length)
  const first = text[at]!
  if (first === '"' || first === "'") return stringAt(text, at, first)
  if (isBehindLabel) {
    const operator = matchAt(OPERATORS, text, at)
    if (operator === null) throw new SelectorError('expected an operator', at)
    return found(operatorOf(operator[0]), '', at, at + operator[0].length)
  }
  const call = matchAt(CALLS, text, at)
  if (call !== null) {
    const kind = call[1] === 'has' ? 'has' : call[2] === 'all' ? 'all()' : 'global()'
    return found(kind, '', at, at + call[0].length)
  }
  const label = matchAt(LABEL, text, at)
  if (label === null) throw new SelectorError(`unexpected ${JSON.stringify(first)}`, at)
  if (label[0].length > LABEL_LENGTH_MAX) {
    throw new SelectorError(`a label of more than ${LABEL_LENGTH_MAX} characters`, at)
  }
  return found('label', label[0], at, at + label[0].length)
}

function found(kind: TokenKind, text: string, at: number, end: number) {
  return { token: { kind, text, at }, end }
}

function stringAt(text: string, at: number, quote: string) {
  const end = text.indexOf(quote, at + 1)
  if (end < 0) throw new SelectorError('a string without its closing quote', at)
  return found('string', text.slice(at + 1, end), at, end + 1)
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** With one blank where the text may have none or several. */
function operatorOf(text: string): TokenKind {
  if (text.startsWith('not')) return 'not in'
  if (text.startsWith('starts')) return 'starts with'
  if (text.startsWith('ends')) return 'ends with'
  return text === 'in' ? 'in' : 'contains'
}
