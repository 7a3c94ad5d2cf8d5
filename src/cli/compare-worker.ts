import type { Schemes } from '../schemes/registry.ts'
import { answerTask, type CompareAnswer, type CompareTask } from '../study/compare/compare.ts'
import { schemesWith } from './user-schemes.ts'

export interface CompareJob {
  readonly task: CompareTask
  /** Files with schemes of the user's. */
  readonly schemes: readonly string[]
}

/** Of the first job: all of a comparison have the same. */
let schemes: Promise<Schemes> | null = null

/** The entry of a worker of `encap compare`. */
export default async function compareWorker(job: CompareJob): Promise<CompareAnswer> {
  schemes ??= schemesWith(job.schemes)
  return answerTask(job.task, await schemes)
}
