import type { PointCheck, PointRequest } from '../study/sweep/check-point.ts'
import type { RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'
import type { Job } from './sweep-worker.ts'
import { isOutOfMemory, WorkerPool } from './worker-pool.ts'

/** Threads that check and run scenarios, one at a time each. */
export class SweepPool {
  private readonly pool: WorkerPool<Job, PointCheck | RunMeasures>

  private readonly schemes: readonly string[]

  /** @param threads begun at once, and kept. @param schemes files with schemes of the user's. */
  constructor(threads: number, schemes: readonly string[]) {
    this.schemes = schemes
    this.pool = new WorkerPool('sweep-worker', threads)
  }

  async check(request: PointRequest): Promise<PointCheck> {
    const job: Job = { kind: 'check', request, schemes: this.schemes }
    return (await this.do(job, request.varied)) as PointCheck
  }

  async run(task: SweepTask): Promise<RunMeasures> {
    const job: Job = { kind: 'run', task, schemes: this.schemes }
    return (await this.do(job, task.settings)) as RunMeasures
  }

  private async do(job: Job, settings: readonly string[]): Promise<PointCheck | RunMeasures> {
    try {
      return await this.pool.run(job)
    } catch (error) {
      const at = settings.join(', ')
      if (isOutOfMemory(error)) {
        throw new SweepError(`no memory is left for the run at ${at}; try fewer --jobs`)
      }
      throw new Error(`the ${job.kind} at ${at} failed`, { cause: error })
    }
  }

  /** Ends what runs; its promises are rejected. */
  async end(): Promise<void> {
    await this.pool.end()
  }
}
