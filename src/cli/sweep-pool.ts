import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import type { RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'

const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY'

/** Threads that run scenarios, one at a time each. */
export class SweepPool {
  private readonly pool: Piscina<SweepTask, RunMeasures>

  constructor(threads: number) {
    this.pool = new Piscina({
      filename: workerFile(),
      // Begun when there is work for them, which a sweep that is finished has not, and kept.
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A run takes longer than waking a thread, and a thread that waits must leave its core.
      atomics: 'disabled',
    })
  }

  async run(task: SweepTask): Promise<RunMeasures> {
    try {
      return await this.pool.run(task)
    } catch (error) {
      const at = task.settings.join(', ')
      if (error instanceof Error && 'code' in error && error.code === OUT_OF_MEMORY) {
        throw new SweepError(`no memory is left for the run at ${at}; try fewer --jobs`)
      }
      throw new Error(`the run at ${at} failed`, { cause: error })
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
