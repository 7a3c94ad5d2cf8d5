/** The simplest formula in hosts and containers that says a count exactly. */

/** A network of `hosts` hosts with `perHost` containers on each. */
export interface Size {
  readonly hosts: number
  readonly perHost: number
}

interface Term {
  readonly name: string
  of(size: Size): number
}

/** H hosts, k containers on each, C in all. In the order in which formulas are preferred. */
const TERMS: readonly Term[] = [
  { name: '', of: () => 1 },
  { name: 'H', of: ({ hosts }) => hosts },
  { name: 'k', of: ({ perHost }) => perHost },
  { name: 'C', of: ({ hosts, perHost }) => hosts * perHost },
  { name: 'kC', of: ({ hosts, perHost }) => hosts * perHost * perHost },
  { name: 'k^2', of: ({ perHost }) => perHost * perHost },
]

const TERMS_MAX = 4

/** A sum of terms with whole factors. */
export class Formula {
  private readonly parts: readonly { readonly term: Term; readonly factor: number }[]

  constructor(parts: readonly { readonly term: Term; readonly factor: number }[]) {
    this.parts = parts
  }

  at(size: Size): number {
    return this.parts.reduce((sum, { term, factor }) => sum + factor * term.of(size), 0)
  }

  /** Reads what `toString` writes. @returns null for anything else. */
  static parse(text: string): Formula | null {
    const words = text.replaceAll('- ', '-').replaceAll('+ ', '').split(' ')
    const parts = words.map((word) => {
      const [, sign, digits, name] = /^(-?)(\d*)(k\^2|kC|[HkC]|)$/.exec(word) ?? []
      const term = TERMS.find((each) => each.name === name)
      const factor = Number(`${sign}${digits || '1'}`)
      return term === undefined || word === '' ? null : { term, factor }
    })
    return parts.includes(null) ? null : new Formula(parts.filter((part) => part !== null))
  }

  /** Sum of the factors' sizes: of two formulas that fit the lighter one is meant. */
  get weight(): number {
    return this.parts.reduce((sum, { factor }) => sum + Math.abs(factor), 0)
  }

  /** Such as `C + 2H - 1`. */
  toString(): string {
    const ordered = this.parts
      .toReversed()
      .toSorted((a, b) => Number(b.factor > 0) - Number(a.factor > 0))
    const words = ordered.map(({ term, factor }, i) => {
      const sign = factor < 0 ? '-' : '+'
      const size = Math.abs(factor)
      const number = size === 1 && term.name !== '' ? '' : String(size)
      const start = i === 0 ? (factor < 0 ? '-' : '') : ` ${sign} `
      return `${start}${number}${term.name}`
    })
    return words.join('') || '0'
  }
}

/** @returns null when no sum of few terms says all the counts. There must be more counts than terms. */
export function formulaOf(
  counts: readonly { readonly size: Size; readonly count: number }[],
): Formula | null {
  if (counts.every(({ count }) => count === 0)) return new Formula([])
  for (let length = 1; length <= TERMS_MAX; length++) {
    const found = choices(TERMS, length).flatMap((terms) => fitted(terms, counts) ?? [])
    const [best] = found.toSorted((a, b) => a.weight - b.weight)
    if (best !== undefined) return best
  }
  return null
}

function choices<T>(all: readonly T[], length: number): T[][] {
  if (length === 0) return [[]]
  return all.flatMap((first, i) =>
    choices(all.slice(i + 1), length - 1).map((rest) => [first, ...rest]),
  )
}

/** By the normal equations; then the factors must be whole and say every count. */
function fitted(
  terms: readonly Term[],
  counts: readonly { readonly size: Size; readonly count: number }[],
): Formula | null {
  const rows = counts.map(({ size, count }) => ({
    values: terms.map((term) => term.of(size)),
    count,
  }))
  const system = terms.map((_, i) => [
    ...terms.map((__, j) => rows.reduce((sum, { values }) => sum + values[i]! * values[j]!, 0)),
    rows.reduce((sum, { values, count }) => sum + values[i]! * count, 0),
  ])
  const factors = solve(system)?.map((factor) => Math.round(factor))
  if (factors === undefined || factors.includes(0)) return null
  const formula = new Formula(terms.map((term, i) => ({ term, factor: factors[i]! })))
  return counts.every(({ size, count }) => formula.at(size) === count) ? formula : null
}

/** Gauss-Jordan; a row of `system` is an equation, its right side last. @returns null when singular. */
function solve(system: number[][]): number[] | null {
  const size = system.length
  for (let column = 0; column < size; column++) {
    const pivot = system.findIndex((row, i) => i >= column && Math.abs(row[column]!) > 1e-9)
    if (pivot < 0) return null
    const [row] = system.splice(pivot, 1)
    system.splice(column, 0, row!)
    for (const [i, other] of system.entries()) {
      if (i === column) continue
      const share = other[column]! / row![column]!
      for (let j = column; j <= size; j++) other[j]! -= share * row![j]!
    }
  }
  return system.map((row, i) => row[size]! / row[i]!)
}
