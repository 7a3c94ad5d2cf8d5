/** What a file needs, held against the cells of a comparison: who fits, and by what evidence. */
import type { NeedsEntry } from '../../scenario/schema/needs.ts'
import { formatDuration } from '../../sim/units.ts'
import type { ComparedCell } from './cell.ts'
import { Formula } from './questions/footprint-formula.ts'

/** One need and one entrant. */
export interface Verdict {
  readonly need: string
  /** Null where no run says. */
  readonly holds: boolean | null
  /** What was measured, in words. */
  readonly words: string
  /** The cells that say so. */
  readonly evidence: readonly ComparedCell[]
  /** What would change it; null where it holds or nothing is known. */
  readonly change: string | null
}

export interface Candidate {
  readonly entrant: string
  /** `fits`: every need holds; `unknown`: none is known not to. */
  readonly standing: 'fits' | 'unknown' | 'fails'
  readonly verdicts: readonly Verdict[]
}

type Finding = Omit<Verdict, 'need'>

/** One entrant's cells, by where they stand. */
class Cells {
  readonly all: readonly ComparedCell[]

  constructor(all: readonly ComparedCell[]) {
    this.all = all
  }

  at(section: string, row: string): ComparedCell | undefined {
    return this.all.find((cell) => cell.section === section && cell.row === row)
  }

  of(section: string): readonly ComparedCell[] {
    return this.all.filter((cell) => cell.section === section)
  }
}

interface Need {
  readonly name: string
  judge(cells: Cells): Finding
}

const REACH = 'connectivity and isolation'

/** Best first: those that fit, those of whom something is not known, and the rest by what fails. */
export function shortlist(needs: NeedsEntry, cells: readonly ComparedCell[]): Candidate[] {
  const wanted = needsOf(needs)
  const names = [...new Set(cells.map(({ entrant }) => entrant))]
  const candidates = names.map((entrant): Candidate => {
    const own = new Cells(cells.filter((cell) => cell.entrant === entrant))
    const verdicts = wanted.map(({ name, judge }) => ({ need: name, ...judge(own) }))
    return { entrant, standing: standingOf(verdicts), verdicts }
  })
  const failed = ({ verdicts }: Candidate, holds: false | null) =>
    verdicts.filter((verdict) => verdict.holds === holds).length
  const ordered = candidates.toSorted(
    (a, b) => failed(a, false) - failed(b, false) || failed(a, null) - failed(b, null),
  )
  return ordered.map((candidate) => withVariants(candidate, ordered))
}

function standingOf(verdicts: readonly Verdict[]): Candidate['standing'] {
  if (verdicts.some(({ holds }) => holds === false)) return 'fails'
  return verdicts.some(({ holds }) => holds === null) ? 'unknown' : 'fits'
}

/** Where nothing else would change it, another variant of the scheme may: one that was measured. */
function withVariants(candidate: Candidate, all: readonly Candidate[]): Candidate {
  const scheme = schemeOf(candidate)
  const siblings = all.filter((other) => other !== candidate && schemeOf(other) === scheme)
  const verdicts = candidate.verdicts.map((verdict) => {
    if (verdict.holds !== false || verdict.change !== null) return verdict
    const better = siblings.filter(({ verdicts: theirs }) =>
      theirs.some(({ need, holds }) => need === verdict.need && holds === true),
    )
    const names = better.map(({ entrant }) => entrant).join(', ')
    return { ...verdict, change: names === '' ? null : `as ${names}` }
  })
  return { ...candidate, verdicts }
}

function schemeOf({ entrant }: Candidate): string {
  return entrant.split('/')[0]!
}

function needsOf(needs: NeedsEntry): Need[] {
  const { hosts, containersPerHost, segments, throughput, startWithin } = needs
  const list: (Need | null)[] = [
    needs.isolation ? isolation : null,
    needs.layer3 ? yes('layer 3 between racks', REACH, 'own network, across routers') : null,
    needs.outside ? yes('the outside', REACH, 'container to outside') : null,
    needs.noStore ? noStore : null,
    hosts === undefined ? null : room(hosts, containersPerHost),
    segments === undefined ? null : segmentsOf(segments),
    throughput === undefined ? null : throughputOf(throughput),
    startWithin === undefined ? null : startOf(startWithin),
    ...(needs.oldFlowsSurvive ?? []).map(survival),
  ]
  return list.filter((need) => need !== null)
}

const UNKNOWN: Finding = { holds: null, words: 'not measured', evidence: [], change: null }

const isolation: Need = {
  name: 'isolation',
  judge(cells) {
    const rows = ['other network, same host', 'other network, other host']
    const found = rows.flatMap((row) => cells.at(REACH, row) ?? [])
    const texts = found.flatMap(({ seeds }) => seeds.map(({ text }) => text))
    if (texts.length === 0 || texts.includes('-')) {
      return { ...UNKNOWN, words: 'no second network beside the first', evidence: found }
    }
    const holds = texts.every((text) => text === 'no')
    const words = found.map(({ row, text }) => `${row}: ${text}`).join('; ')
    return { holds, words, evidence: found, change: null }
  },
}

/** A row that says yes with every seed. */
function yes(name: string, section: string, row: string): Need {
  return {
    name,
    judge: (cells) =>
      ofCell(cells.at(section, row), (cell) => cell.seeds.every(({ text }) => text === 'yes')),
  }
}

function ofCell(
  cell: ComparedCell | undefined,
  test: (cell: ComparedCell) => boolean | null,
): Finding {
  if (cell === undefined) return UNKNOWN
  const words = `${cell.row}: ${cell.text}`
  return { holds: test(cell), words, evidence: [cell], change: null }
}

const noStore: Need = {
  name: 'no store',
  judge: (cells) => ofCell(cells.at('distributed store', 'store'), ({ text }) => text === 'none'),
}

/** Whether all tables have room, by the formulas that were found. */
function room(hosts: number, perHost: number): Need {
  return {
    name: `${hosts} hosts of ${perHost} containers`,
    judge(cells) {
      const tables = cells.of('footprint').flatMap((cell) => {
        const found = /^(.*) \(of (\d+)\)$/.exec(cell.text)
        if (found === null) return []
        const formula = Formula.parse(found[1]!)
        const entries = formula === null ? null : formula.at({ hosts, perHost })
        return [{ cell, entries, capacity: Number(found[2]) }]
      })
      const full = tables.filter(({ entries, capacity }) => entries !== null && entries > capacity)
      const unclear = tables.filter(({ entries }) => entries === null)
      if (full.length > 0) return overfull(full)
      if (tables.length === 0 || unclear.length > 0) {
        return { ...UNKNOWN, evidence: unclear.map(({ cell }) => cell) }
      }
      const fullest = tables.toSorted(
        (a, b) => b.entries! / b.capacity - a.entries! / a.capacity,
      )[0]!
      const words = `fullest: ${fullest.entries} of ${fullest.capacity} ${fullest.cell.row}`
      return { holds: true, words, evidence: [fullest.cell], change: null }
    },
  }
}

function overfull(
  full: readonly { cell: ComparedCell; entries: number | null; capacity: number }[],
): Finding {
  const words = full.map(({ cell, entries, capacity }) => `${entries} ${cell.row} for ${capacity}`)
  const wanted = full.map(({ cell, entries }) => `${entries} ${cell.row}`)
  return {
    holds: false,
    words: words.join('; '),
    evidence: full.map(({ cell }) => cell),
    change: `room for ${wanted.join(' and ')}`,
  }
}

function segmentsOf(wanted: number): Need {
  return {
    name: `${wanted} networks`,
    judge: (cells) =>
      ofCell(cells.at('limits of segments', 'networks at most'), ({ seeds }) => {
        const most = seeds.map(({ value }) => value)
        if (most.some((value) => typeof value !== 'number')) return null
        return most.every((value) => Number(value) >= wanted)
      }),
  }
}

/** Of all workloads that carry bulk data; what limits the slowest is what would change it. */
function throughputOf(wanted: number): Need {
  return {
    name: `${wanted / 1e9} Gb/s`,
    judge(cells) {
      const found = cells.of('performance').filter(({ text }) => text.endsWith(' Gb/s'))
      if (found.length === 0) return UNKNOWN
      const isSlow = ({ seeds }: ComparedCell) => seeds.some(({ value }) => Number(value) < wanted)
      const slow = found.filter(isSlow)
      const shown = slow.length > 0 ? slow : found
      const words = shown.map(({ row, text }) => `${row}: ${text}`).join('; ')
      const limit = slow[0] && cells.at('performance', `${slow[0].row}, limited by`)
      const change = limit === undefined ? null : `more of what limits it: ${limit.text}`
      const evidence = limit === undefined ? shown : [...shown, limit]
      return { holds: slow.length === 0, words, evidence, change }
    },
  }
}

function startOf(wanted: number): Need {
  return {
    name: `reached ${formatDuration(wanted)} after its start`,
    judge: (cells) =>
      ofCell(cells.at('performance', 'start to being reached'), ({ seeds }) =>
        seeds.every(({ value }) => typeof value === 'number' && value <= wanted),
      ),
  }
}

function survival(failure: string): Need {
  return {
    name: `old flows survive: ${failure}`,
    judge(cells) {
      const store = cells.at('distributed store', 'store')
      if (failure === 'store outage' && store?.text === 'none') {
        return { holds: true, words: 'there is no store', evidence: [store], change: null }
      }
      const finding = ofCell(cells.at('failures', `${failure}: goes on`), ({ seeds }) =>
        seeds.every(({ value }) => String(value).split(', ').includes('old flow')),
      )
      const heals = cells.at('failures', `${failure}: heals`)
      if (finding.holds !== false || heals === undefined) return finding
      const words = `${finding.words}; heals ${heals.text}`
      return { ...finding, words, evidence: [...finding.evidence, heals] }
    },
  }
}
