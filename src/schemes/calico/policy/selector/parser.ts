import { type Node, Selector } from './selector.ts'
import { SelectorError, type Token, type TokenKind, tokensOf } from './token.ts'

/** Brackets and negations in each other: enough for any, and no deeper than the stack. */
const DEPTH_MAX = 100

const NAMES: Partial<Record<TokenKind, string>> = {
  label: 'a label',
  string: 'a string',
  end: 'the end',
}

/**
 * Reads a selector. The grammar, loosest first:
 *
 * | rule | is |
 * | --- | --- |
 * | or | and { "||" and } |
 * | and | unary { "&&" unary } |
 * | unary | "!" unary, "(" or ")", "all()", "global()", "has(" label ")", label operator |
 * | operator | == != contains, starts with, ends with and a string; in, not in and "{" strings "}" |
 *
 * Nothing is `all()`. Throws SelectorError.
 */
export function parseSelector(text: string): Selector {
  if (text.trim() === '') return new Selector({ kind: 'all' })
  const parser = new Parser(tokensOf(text))
  const node = parser.parseOr(0)
  parser.take('end')
  return new Selector(node)
}

class Parser {
  private readonly tokens: readonly Token[]
  private at = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  private get next(): Token {
    return this.tokens[this.at]!
  }

  take(kind: TokenKind): Token {
    const { next } = this
    if (next.kind !== kind) throw unexpected(next, NAMES[kind] ?? kind)
    this.at++
    return next
  }

  private takes(kind: TokenKind): boolean {
    if (this.next.kind !== kind) return false
    this.at++
    return true
  }

  parseOr(depth: number): Node {
    const of = [this.parseAnd(depth)]
    while (this.takes('||')) of.push(this.parseAnd(depth))
    return of.length === 1 ? of[0]! : { kind: 'or', of }
  }

  private parseAnd(depth: number): Node {
    const of = [this.parseUnary(depth)]
    while (this.takes('&&')) of.push(this.parseUnary(depth))
    return of.length === 1 ? of[0]! : { kind: 'and', of }
  }

  private parseUnary(depth: number): Node {
    const { next } = this
    if (depth > DEPTH_MAX) throw new SelectorError('too many brackets in each other', next.at)
    if (this.takes('!')) return { kind: 'not', of: this.parseUnary(depth + 1) }
    if (this.takes('all()')) return { kind: 'all' }
    if (this.takes('global()')) return { kind: 'global' }
    if (this.takes('(')) {
      const node = this.parseOr(depth + 1)
      this.take(')')
      return node
    }
    if (this.takes('has')) {
      const { text: label } = this.take('label')
      this.take(')')
      return { kind: 'has', label }
    }
    if (next.kind !== 'label') throw unexpected(next, 'a label or a condition')
    return this.parseOperator(this.take('label').text)
  }

  private parseOperator(label: string): Node {
    const { next } = this
    this.at++
    switch (next.kind) {
      case '==':
      case '!=':
      case 'contains':
      case 'starts with':
      case 'ends with':
        return { kind: 'compare', by: next.kind, label, value: this.take('string').text }
      case 'in':
      case 'not in':
        return { kind: next.kind, label, values: this.parseSet() }
      default:
        throw unexpected(next, 'an operator')
    }
  }

  private parseSet(): Set<string> {
    this.take('{')
    const values = new Set<string>()
    if (this.takes('}')) return values
    do values.add(this.take('string').text)
    while (this.takes(','))
    this.take('}')
    return values
  }
}

function unexpected({ kind, text, at }: Token, wanted: string): SelectorError {
  const what = text === '' ? (NAMES[kind] ?? kind) : JSON.stringify(text)
  return new SelectorError(`expected ${wanted}, found ${what}`, at)
}
