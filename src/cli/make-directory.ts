import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a directory and those above it. Not by mkdir's own `recursive`, which never ends in Node 20 where
 * a file system answers that nothing can be made in a directory that is there (`/proc`).
 * @throws the system's error
 */
export function makeDirectory(path: string): void {
  if (path === '' || existsSync(path)) return
  makeDirectory(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
