import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { makeDirectory } from './make-directory.ts'

const FILE = 'sweep.lock'
/** Of several programs that find a dead one's lock, all but one must look again. */
const ATTEMPTS = 10

interface Holder {
  readonly pid: number
  /** When the process began, in the system's own words; '' where these are not known. */
  readonly began: string
}

/**
 * One sweep at a time works in a folder. The file names the process, so that what a killed one left
 * behind stands in nobody's way, not even when its number has been given to another process.
 */
export class SweepLock {
  private readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Throws an ExitError when another sweep works there, and what the file system throws. */
  static take(directory: string): SweepLock {
    makeDirectory(directory)
    const path = join(directory, FILE)
    const own = `${path}.${process.pid}`
    writeFileSync(own, JSON.stringify(holderOf(process.pid)))
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (isLinked(own, path)) return new SweepLock(path)
        const holder = read(path)
        if (holder !== null && isAlive(holder)) throw taken(directory, path, holder)
        removeDead(path, own)
      }
      throw new Error(`${path} comes back again and again`)
    } finally {
      rmSync(own, { force: true })
    }
  }

  release(): void {
    rmSync(this.path, { force: true })
  }
}

/** A link appears with all that is in it, and only where nothing was. */
function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function taken(directory: string, path: string, { pid }: Holder): ExitError {
  return new ExitError(
    EXIT_BAD_INPUT,
    `${directory}: another sweep (process ${pid}) works there; wait for it, or name another --out.\n` +
      `If process ${pid} is no sweep of this folder, remove ${path}.`,
  )
}

/** Null when it is gone by now or nothing that we wrote. */
function read(path: string): Holder | null {
  try {
    const { pid, began }: Partial<Holder> = JSON.parse(readFileSync(path, 'utf8'))
    return Number.isInteger(pid) ? { pid: pid!, began: String(began) } : null
  } catch {
    return null
  }
}

/** It is moved away first: should another program have taken it over meanwhile, it is put back. */
function removeDead(path: string, own: string): void {
  const aside = `${own}.dead`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  const holder = read(aside)
  if (holder !== null && isAlive(holder)) isLinked(aside, path)
  rmSync(aside, { force: true })
}

function isAlive({ pid, began }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // A process of somebody else's is alive all the same.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
  }
  const { began: now } = holderOf(pid)
  return began === '' || now === '' || began === now
}

/** Of Linux: the boot, and the ticks from there on, which no second process has with this number. */
function holderOf(pid: number): Holder {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the name in brackets, which may hold anything, the start time is the 20th field.
    const ticks = status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    return { pid, began: `${boot} ${ticks}` }
  } catch {
    return { pid, began: '' }
  }
}
