import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { Piscina } from 'piscina'

const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY'

/**
 * Every worker compiles the simulator for itself. By default V8 does so when it knows little of a function
 * yet, and then again; four times as patient it needs a tenth less time for the whole of a sweep.
 */
const PATIENT_COMPILER = '--interrupt-budget=270336'

/** Threads that do one job at a time each. */
export class WorkerPool<Job, Answer> {
  private readonly pool: Piscina<Job, Answer>

  /** @param entry name of the worker's file, without its suffix. @param threads begun at once, and kept. */
  constructor(entry: string, threads: number) {
    // It is the process's flag: threads that begin later have it.
    setFlagsFromString(PATIENT_COMPILER)
    this.pool = new Piscina({
      filename: workerFile(entry),
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A run takes longer than waking a thread, and a thread that waits must leave its core.
      atomics: 'disabled',
    })
  }

  run(job: Job): Promise<Answer> {
    return this.pool.run(job)
  }

  /** Ends what runs; its promises are rejected. */
  async end(): Promise<void> {
    await this.pool.destroy()
  }
}

/** Whether a job was rejected because its thread had no memory left. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === OUT_OF_MEMORY
}

/** As built: beside this file, or above it when this is a chunk; otherwise the source. */
function workerFile(entry: string): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const built = [here, dirname(here)].map((folder) => join(folder, `${entry}.js`))
  const source = new URL(`./${entry}.ts`, import.meta.url)
  return built.find(existsSync) ?? fileURLToPath(source)
}
