/** YAML text as plain values, with the place of every key and value, and within limits. */
import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import type { Issue, IssueCode } from './issues.ts'
import { isMapping, type Path, type Place, SourceText, type Target } from './place.ts'

export const BYTES_MAX = 1_048_576
const NODES_MAX = 200_000
const DEPTH_MAX = 32

/** What a YAML text says; `value` holds only mappings, lists, strings, numbers, booleans and null. */
export class YamlTree {
  readonly value: unknown
  readonly text: SourceText
  private readonly root: Node | null
  private readonly aliases: ReadonlyMap<Alias, Node>

  constructor(
    text: SourceText,
    root: Node | null,
    aliases: ReadonlyMap<Alias, Node>,
    value: unknown,
  ) {
    this.text = text
    this.root = root
    this.aliases = aliases
    this.value = value
  }

  /** The place of `path`, or of as much of it as there is. */
  locate(path: Path, target: Target): Place {
    let node = this.root
    let span = rangeOf(node) ?? [0, 0]
    let depth = 0
    let isInList = false
    for (const step of path) {
      const inside = this.follow(node)
      if (isMap(inside)) {
        const pair = findPair(inside, String(step), this.aliases)
        if (pair === null) break
        const isLast = depth === path.length - 1
        const keySpan = rangeOf(pair.key)!
        node = pair.value as Node | null
        const valueSpan = rangeOf(node)
        const useKey = (isLast && target === 'key') || valueSpan === null || isEmpty(valueSpan)
        span = useKey ? keySpan : valueSpan
      } else if (isSeq(inside)) {
        const item = inside.items[Number(step)] as Node | undefined
        if (item === undefined) break
        node = item
        span = rangeOf(node) ?? span
        isInList = true
      } else break
      depth++
    }
    const owns = depth < path.length && (isInList || !isMap(this.follow(node)))
    return { text: this.text, start: span[0], end: span[1], depth, owns }
  }

  private follow(node: Node | null): Node | null {
    return isAlias(node) ? (this.aliases.get(node) ?? null) : node
  }
}

type Span = readonly [number, number]

function rangeOf(node: unknown): Span | null {
  const range = (node as { range?: [number, number, number] | null } | null)?.range
  return range ? [range[0], range[1]] : null
}

function isEmpty(span: Span): boolean {
  return span[0] === span[1]
}

function isMergeKey(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === '<<' && pair.key.type === 'PLAIN'
}

/** The pair of a key, in the mapping itself or in what it merges. */
function findPair(map: YAMLMap, key: string, aliases: ReadonlyMap<Alias, Node>): Pair | null {
  const pairs = map.items.filter((pair) => isScalar(pair.key) && !isMergeKey(pair))
  const own = pairs.findLast((pair) => isScalar(pair.key) && String(pair.key.value) === key)
  if (own !== undefined) return own
  for (const pair of map.items.filter(isMergeKey)) {
    const value = isSeq(pair.value) ? pair.value.items : [pair.value]
    for (const each of value) {
      const merged = isAlias(each) ? aliases.get(each) : each
      const found = isMap(merged) && merged !== map ? findPair(merged, key, aliases) : null
      if (found !== null) return found
    }
  }
  return null
}

/** Parses `text`; a tree comes with the issues unless the text is no YAML at all. */
export function readYaml(text: string, file: string): { tree: YamlTree | null; issues: Issue[] } {
  if (text.length > BYTES_MAX) return { tree: null, issues: [tooLarge(file)] }
  const source = new SourceText(file, text)
  let document: Document.Parsed
  const issues: Issue[] = []
  try {
    document = parseDocument(text, { prettyErrors: false, logLevel: 'error' })
    issues.push(...syntaxIssues(document, source))
  } catch (error) {
    // The parser recurses; it has no limit of its own.
    if (!(error instanceof RangeError)) throw error
    return { tree: null, issues: [source.issueAt(0, 1, TOO_DEEP)] }
  }
  const isBroken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY')
  if (isBroken) return { tree: null, issues }
  const reader = new Reader(source, issues)
  const tree = reader.read(document.contents)
  return { tree: reader.hasFailed ? null : tree, issues }
}

/** The issue of a file that is too large to be read. */
export function tooLarge(file: string): Issue {
  return new SourceText(file, '').issueAt(0, 0, {
    code: 'too_large',
    message: 'the file is larger than 1 MiB',
    remedy: 'say what repeats once: racks, perHost and variants keep scenarios short',
  })
}

const TOO_DEEP = {
  code: 'too_deep',
  message: `nested deeper than ${DEPTH_MAX} levels`,
  remedy: 'take out nested brackets, or an alias that contains itself',
} as const

const SYNTAX_REMEDIES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'remove one of the two, or join what they say',
  BAD_INDENT: 'indent the line as its neighbours, or close the bracket that is open here',
  TAB_AS_INDENT: 'indent with spaces',
  MISSING_CHAR: 'close the quote or bracket, or add the missing ":"',
  MULTIPLE_DOCS: 'one file holds one scenario: remove the "---" in the middle, or use variants',
  BAD_ALIAS: 'name an anchor that stands above, such as &links',
  TAG_RESOLVE_FAILED: 'remove the tag: a scenario needs none',
  IMPOSSIBLE: 'write the value in quotes',
}

const UNCLOSED = /^Missing closing|end with a [}\]]/

/** The parser notices a missing quote or bracket where the text ends; it opened long before. */
function openingBefore(document: Document.Parsed, offset: number): number | null {
  let opening: number | null = null
  visit(document, {
    Node: (_key, node) => {
      const range = rangeOf(node)
      const isQuoted = isScalar(node) && String(node.type).startsWith('QUOTE_')
      const isBracket = isCollection(node) && node.flow === true
      if (range === null || !(isQuoted || isBracket)) return
      if (range[0] <= offset && range[1] >= offset) opening = range[0]
    },
  })
  return opening
}

function syntaxIssues(document: Document.Parsed, source: SourceText): Issue[] {
  return [...document.errors, ...document.warnings].map((error) => {
    const message = error.message.split('\n')[0]!
    const opening = UNCLOSED.test(message) ? openingBefore(document, error.pos[0]) : null
    const [start, end] = opening === null ? error.pos : [opening, opening + 1]
    return source.issueAt(start, end, {
      code: 'syntax',
      message: `YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
      remedy:
        SYNTAX_REMEDIES[error.code] ?? 'check quotes, brackets, colons and indentation up to here',
    })
  })
}

/** Turns nodes into values; aliases are expanded within the limits. */
class Reader {
  hasFailed = false
  private nodes = 0
  private readonly source: SourceText
  private readonly issues: Issue[]
  private readonly aliases = new Map<Alias, Node>()

  constructor(source: SourceText, issues: Issue[]) {
    this.source = source
    this.issues = issues
  }

  read(root: Node | null): YamlTree {
    this.bindAliases(root, new Map(), 0)
    const value = this.hasFailed ? null : this.valueOf(root, 0)
    return new YamlTree(this.source, root, this.aliases, value)
  }

  private fail(node: unknown, fault: { code: IssueCode; message: string; remedy: string }): null {
    if (!this.hasFailed) {
      const [start, end] = rangeOf(node) ?? [0, 1]
      this.issues.push(this.source.issueAt(start, end, fault))
    }
    this.hasFailed = true
    return null
  }

  /** In the order of the text, because an alias means the last anchor of its name above it. */
  private bindAliases(node: unknown, anchors: Map<string, Node>, depth: number): void {
    if (depth > DEPTH_MAX * 2) {
      this.fail(node, TOO_DEEP)
      return
    }
    if (isPair(node)) {
      this.bindAliases(node.key, anchors, depth + 1)
      this.bindAliases(node.value, anchors, depth + 1)
      return
    }
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target !== undefined) this.aliases.set(node, target)
      else {
        const message = `there is no anchor &${node.source} above`
        this.fail(node, { code: 'syntax', message, remedy: SYNTAX_REMEDIES['BAD_ALIAS']! })
      }
      return
    }
    const { anchor } = (node ?? {}) as { anchor?: string }
    if (anchor !== undefined) anchors.set(anchor, node as Node)
    if (isCollection(node))
      for (const item of node.items) this.bindAliases(item, anchors, depth + 1)
  }

  private valueOf(node: unknown, depth: number): unknown {
    if (this.hasFailed) return null
    if (depth > DEPTH_MAX) return this.fail(node, TOO_DEEP)
    if (++this.nodes > NODES_MAX) {
      return this.fail(node, {
        code: 'too_large',
        message: `more than ${NODES_MAX} values, with aliases written out`,
        remedy: 'use fewer aliases of large parts; racks, perHost and pairs make many from few',
      })
    }
    if (isAlias(node)) return this.valueOf(this.aliases.get(node), depth)
    if (isMap(node)) return this.mappingOf(node, depth)
    if (isSeq(node)) return node.items.map((item) => this.valueOf(item, depth + 1))
    return isScalar(node) ? plainScalar(node.value) : null
  }

  private mappingOf(map: YAMLMap, depth: number): Record<string, unknown> {
    const own: [string, unknown][] = []
    const merged: [string, unknown][] = []
    for (const pair of map.items) {
      if (isMergeKey(pair)) merged.unshift(...this.mergedEntries(pair, depth))
      else if (!isScalar(pair.key)) {
        const message = 'a key is a mapping, a list or nothing'
        this.fail(pair.key ?? map, { code: 'syntax', message, remedy: 'write a word as the key' })
      } else own.push([String(pair.key.value), this.valueOf(pair.value, depth + 1)])
    }
    // Not an assignment: `__proto__` in a file is a key like any other.
    return Object.fromEntries([...merged, ...own])
  }

  private mergedEntries(pair: Pair, depth: number): [string, unknown][] {
    const value = this.valueOf(pair.value, depth + 1)
    const parts = Array.isArray(value) ? value.toReversed() : [value]
    const entries: [string, unknown][] = []
    for (const part of parts) {
      if (isMapping(part)) entries.push(...Object.entries(part))
      else {
        const message = '"<<" merges mappings, and this is none'
        this.fail(pair.value, { code: 'syntax', message, remedy: 'write << : *anchor' })
      }
    }
    return entries
  }
}

function plainScalar(value: unknown): unknown {
  return typeof value === 'bigint' || typeof value === 'symbol' ? String(value) : value
}
