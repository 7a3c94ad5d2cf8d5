/** What labels answer: undefined = there is no such label. */
export interface Labels {
  get(name: string): string | undefined
}

export type Comparison = '==' | '!=' | 'contains' | 'starts with' | 'ends with'

export type Node =
  | { readonly kind: 'all' | 'global' }
  | { readonly kind: 'has'; readonly label: string }
  | {
      readonly kind: 'compare'
      readonly by: Comparison
      readonly label: string
      readonly value: string
    }
  | {
      readonly kind: 'in' | 'not in'
      readonly label: string
      readonly values: ReadonlySet<string>
    }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Node[] }

/** A selector that was read (libcalico-go/lib/selector): a condition on labels. */
export class Selector {
  readonly node: Node
  /** In one spelling for all that mean the same by their words: what its set is named after. */
  readonly text: string

  constructor(node: Node) {
    this.node = node
    this.text = textOf(node)
  }

  matches(labels: Labels): boolean {
    return evaluate(this.node, labels)
  }

  toString(): string {
    return this.text
  }
}

/** The condition that all of some hold. */
export function both(...selectors: readonly Selector[]): Selector {
  if (selectors.length === 1) return selectors[0]!
  return new Selector({ kind: 'and', of: selectors.map(({ node }) => node) })
}

/** The same condition on labels with `prefix` before their names. */
export function prefixed({ node }: Selector, prefix: string): Selector {
  return new Selector(prefixNode(node, prefix))
}

function prefixNode(node: Node, prefix: string): Node {
  switch (node.kind) {
    case 'all':
    case 'global':
      return node
    case 'not':
      return { kind: 'not', of: prefixNode(node.of, prefix) }
    case 'and':
    case 'or':
      return { kind: node.kind, of: node.of.map((one) => prefixNode(one, prefix)) }
    default:
      return { ...node, label: `${prefix}${node.label}` }
  }
}

function evaluate(node: Node, labels: Labels): boolean {
  switch (node.kind) {
    case 'all':
    case 'global':
      return true
    case 'has':
      return labels.get(node.label) !== undefined
    case 'compare':
      return compare(node.by, labels.get(node.label), node.value)
    case 'in': {
      const value = labels.get(node.label)
      return value !== undefined && node.values.has(value)
    }
    case 'not in': {
      const value = labels.get(node.label)
      return value === undefined || !node.values.has(value)
    }
    case 'not':
      return !evaluate(node.of, labels)
    case 'and':
      return node.of.every((one) => evaluate(one, labels))
    default:
      return node.of.some((one) => evaluate(one, labels))
  }
}

function compare(by: Comparison, value: string | undefined, wanted: string): boolean {
  if (value === undefined) return by === '!='
  switch (by) {
    case '==':
      return value === wanted
    case '!=':
      return value !== wanted
    case 'contains':
      return value.includes(wanted)
    case 'starts with':
      return value.startsWith(wanted)
    default:
      return value.endsWith(wanted)
  }
}

function textOf(node: Node): string {
  switch (node.kind) {
    case 'all':
    case 'global':
      return `${node.kind}()`
    case 'has':
      return `has(${node.label})`
    case 'compare':
      return `${node.label} ${node.by} ${quoted(node.value)}`
    case 'in':
    case 'not in':
      return `${node.label} ${node.kind} {${[...node.values].sort().map(quoted).join(', ')}}`
    case 'not':
      return `!${textOf(node.of)}`
    default:
      return `(${node.of.map(textOf).join(node.kind === 'and' ? ' && ' : ' || ')})`
  }
}

/** There are no escapes: a string with one kind of quotes stands in the other. */
function quoted(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`
}
