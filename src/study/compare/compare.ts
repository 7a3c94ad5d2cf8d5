/** The work of a comparison, piece by piece: each entrant is asked each question with each seed. */
import type { Schemes } from '../../schemes/registry.ts'
import { seedOf } from '../sweep/plan.ts'
import type { Base } from './base.ts'
import { Case, Refusal } from './case.ts'
import { type Cell, type ComparedCell, mergeSeeds } from './cell.ts'
import { type Entrant, entrantsOf } from './entrant.ts'
import { type Candidate, shortlist } from './needs.ts'
import { type Question, SECTIONS, type SectionName } from './question.ts'
import { QUESTIONS } from './questions.ts'
import { readBase } from './read-base.ts'

export interface ComparePlan {
  readonly text: string
  readonly file: string
  /** Name of the scenario. */
  readonly name: string
  readonly seeds: readonly string[]
  readonly entrants: readonly Entrant[]
  readonly needs: Base['needs']
  /** Those that are asked for. */
  readonly sections: readonly SectionName[]
}

/** A piece of work for a thread. */
export interface CompareTask {
  readonly text: string
  readonly file: string
  readonly entrant: string
  readonly seed: string
  readonly question: string
}

export interface CompareAnswer {
  readonly cells: readonly Cell[]
  /** Texts of the scenarios that were run, by the keys that evidence names. */
  readonly scenarios: readonly (readonly [key: string, text: string])[]
  /** Why the question could not be asked; null when it was. */
  readonly refusal: string | null
}

export interface ComparisonResult {
  readonly plan: ComparePlan
  /** Entrant by entrant, in the order of the questions. */
  readonly cells: readonly ComparedCell[]
  /** Who fits what the file needs, best first; empty where it needs nothing, or not all was asked. */
  readonly candidates: readonly Candidate[]
  readonly scenarios: ReadonlyMap<string, string>
  readonly refusals: readonly { readonly entrant: string; readonly message: string }[]
  /** Pieces of work in all, and how many were not done. */
  readonly total: number
  readonly missing: number
}

export function seedsOf(seed: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => seedOf(seed, i))
}

/** Everything with the first seed comes first: an interruption leaves something of all. */
function tasksOf({ text, file, seeds, entrants, sections: asked }: ComparePlan): CompareTask[] {
  const questions = QUESTIONS.filter(({ sections }) =>
    sections.some((name) => asked.includes(name)),
  )
  return seeds.flatMap((seed) =>
    entrants.flatMap(({ name: entrant }) =>
      questions.map(({ name: question }) => ({ text, file, entrant, seed, question })),
    ),
  )
}

/** Does one piece of work, in whatever thread. */
export function answerTask(task: CompareTask, schemes: Schemes): CompareAnswer {
  const { text, file, seed } = task
  const read = readBase(text, file, schemes)
  if (!read.ok) throw new Error(`a checked file is wrong: ${file}`)
  const entrant = entrantsOf(schemes).find(({ name }) => name === task.entrant)!
  const question = QUESTIONS.find(({ name }) => name === task.question)!
  const asked = new Case(read.base, entrant, seed, schemes)
  const { cells, refusal } = ask(question, asked)
  return { cells, refusal, scenarios: [...asked.scenarios] }
}

function ask(question: Question, asked: Case): Pick<CompareAnswer, 'cells' | 'refusal'> {
  try {
    const cells = question.ask(asked)
    const sections: readonly string[] = question.sections
    const stray = cells.find(({ section }) => !sections.includes(section))
    if (stray !== undefined) throw new Error(`${question.name} answers under ${stray.section}`)
    return { cells, refusal: null }
  } catch (error) {
    if (error instanceof Refusal) return { cells: [], refusal: error.message }
    throw error
  }
}

/** Takes the answers as they come, and puts them together. */
export class Comparison {
  readonly tasks: readonly CompareTask[]
  private readonly plan: ComparePlan
  private readonly answers = new Map<CompareTask, CompareAnswer>()

  constructor(plan: ComparePlan) {
    this.plan = plan
    this.tasks = tasksOf(plan)
  }

  get answered(): number {
    return this.answers.size
  }

  add(task: CompareTask, answer: CompareAnswer): void {
    this.answers.set(task, answer)
  }

  /** What is there by now. */
  result(): ComparisonResult {
    const { plan, tasks, answers } = this
    const asked: readonly string[] = plan.sections
    const done = tasks.flatMap((task) => {
      const answer = answers.get(task)
      return answer === undefined ? [] : [{ ...task, ...answer }]
    })
    const refused = done.filter(({ refusal }) => refusal !== null)
    const said = new Map(
      refused.map(({ entrant, refusal }) => [
        `${entrant}: ${refusal}`,
        { entrant, message: refusal! },
      ]),
    )
    const cells = plan.entrants.flatMap(({ name }) => {
      const own = done.filter(({ entrant }) => entrant === name)
      const isAsked = ({ section }: Cell) => asked.includes(section)
      const ofSeeds = plan.seeds.map((seed) => ({
        seed,
        cells: own
          .filter((each) => each.seed === seed)
          .flatMap((each) => each.cells.filter(isAsked)),
      }))
      return mergeSeeds(name, ofSeeds)
    })
    return {
      plan,
      cells,
      candidates:
        plan.needs === null || asked.length < SECTIONS.length ? [] : shortlist(plan.needs, cells),
      scenarios: new Map(done.flatMap(({ scenarios }) => scenarios)),
      refusals: [...said.values()],
      total: tasks.length,
      missing: tasks.length - done.length,
    }
  }
}
