import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Piscina } from 'piscina'
import type { PointCheck, PointRequest } from '../study/sweep/check-point.ts'
import type { RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'
import type { Job } from './sweep-worker.ts'

const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY'

/**
 * Every worker compiles the simulator for itself. By default V8 does so when it knows little of a function
 * yet, and then again; four times as patient it needs a tenth less time for the whole of a sweep.
 */
const PATIENT_COMPILER = '--interrupt-budget=270336'

/** Threads that check and run scenarios, one at a time each. */
export class SweepPool {
  private readonly pool: Piscina<Job, PointCheck | RunMeasures>

  private readonly schemes: readonly string[]

  /** @param threads begun at once, and kept. @param schemes files with schemes of the user's. */
  constructor(threads: number, schemes: readonly string[]) {
    this.schemes = schemes
    // It is the process's flag: threads that begin later have it.
    setFlagsFromString(PATIENT_COMPILER)
    this.pool = new Piscina({
      filename: workerFile(),
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A run takes longer than waking a thread, and a thread that waits must leave its core.
      atomics: 'disabled',
    })
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
      if (error instanceof Error && 'code' in error && error.code === OUT_OF_MEMORY) {
        throw new SweepError(`no memory is left for the run at ${at}; try fewer --jobs`)
      }
      throw new Error(`the ${job.kind} at ${at} failed`, { cause: error })
    }
  }

  /** Ends what runs; its promises are rejected. */
  async end(): Promise<void> {
    await this.pool.destroy()
  }
}

/** As built: beside this file, or above it when this is a chunk; otherwise the source. */
function workerFile(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const built = [here, dirname(here)].map((folder) => join(folder, 'sweep-worker.js'))
  const source = new URL('./sweep-worker.ts', import.meta.url)
  return built.find(existsSync) ?? fileURLToPath(source)
}
