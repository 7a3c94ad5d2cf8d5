/** Who reached whom: a row a sender, a column a receiver, in the order of `ends`. */
export interface Matrix {
  readonly ends: readonly string[]
  readonly reached: readonly (readonly boolean[])[]
}

export type CellValue = number | string | boolean | null | Matrix

/** Where a cell's value was seen. */
export interface Evidence {
  /** Key of the scenario that ran: see `Case.scenarios`. */
  readonly scenario: string
  /** What was sent or read, such as `ping a to b`. */
  readonly probe: string
  /** Of the simulated time, picoseconds. */
  readonly instant: number
}

/** One answer about one entrant, of one seed. */
export interface Cell {
  readonly section: string
  readonly row: string
  readonly value: CellValue
  /** The value as a table shows it, with its unit. */
  readonly text: string
  readonly evidence: Evidence
}

/** The answers about one entrant under one heading, of all seeds. */
export interface ComparedCell {
  readonly entrant: string
  readonly section: string
  readonly row: string
  /** Of all seeds; where they differ the least and the most, or each of them. */
  readonly text: string
  readonly seeds: readonly (Pick<Cell, 'value' | 'text' | 'evidence'> & { readonly seed: string })[]
}

/** Puts the cells of several seeds together, in the order in which they first came. */
export function mergeSeeds(
  entrant: string,
  ofSeeds: readonly { readonly seed: string; readonly cells: readonly Cell[] }[],
): ComparedCell[] {
  const byPlace = new Map<string, ComparedCell['seeds'][number][]>()
  const places = new Map<string, Pick<Cell, 'section' | 'row'>>()
  for (const { seed, cells } of ofSeeds) {
    for (const { section, row, value, text, evidence } of cells) {
      const key = JSON.stringify([section, row])
      places.set(key, { section, row })
      const seeds = byPlace.get(key) ?? []
      seeds.push({ seed, value, text, evidence })
      byPlace.set(key, seeds)
    }
  }
  return [...places].map(([key, place]) => {
    const seeds = byPlace.get(key)!
    return { entrant, ...place, text: spreadOf(seeds), seeds }
  })
}

/** Of texts that differ no more than these are shown one by one, characters. */
const SPREAD_MAX = 40

function spreadOf(seeds: ComparedCell['seeds']): string {
  const texts = [...new Set(seeds.map(({ text }) => text))]
  const [first] = texts
  if (texts.length === 1) return first!
  const numbers = seeds.filter(({ value }) => typeof value === 'number')
  if (numbers.length === seeds.length) {
    const ordered = numbers.toSorted((a, b) => Number(a.value) - Number(b.value))
    return rangeOf(ordered[0]!.text, ordered.at(-1)!.text)
  }
  const all = texts.join(' | ')
  return all.length <= SPREAD_MAX ? all : `${first} (and ${texts.length - 1} other)`
}

/** The unit is said once where both have the same. */
function rangeOf(least: string, most: string): string {
  const [number, unit] = least.split(' ')
  const isSame = unit !== undefined && most.endsWith(` ${unit}`)
  return `${isSame ? number : least}..${most}`
}
