import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/**
 * The innermost place in the files of `--scheme` that an error passed, as compilers write it:
 * `mine.ts:12:7: error: ...` with the line below. @returns null when it passed none of them.
 */
export function userFault(error: Error, files: readonly string[]): string | null {
  for (const frame of (error.stack ?? '').split('\n')) {
    for (const file of files) {
      const place = placeIn(frame, file)
      if (place !== null) return faultAt(file, place, error.message)
    }
  }
  // What came from a worker thread is wrapped in what the thread was asked for.
  return error.cause instanceof Error ? userFault(error.cause, files) : null
}

/** What `--scheme` names on a command line. */
export function schemeFiles(args: readonly string[]): readonly string[] {
  const flag = '--scheme='
  const named = args.filter((_, i) => args[i - 1] === '--scheme')
  return [
    ...named,
    ...args.filter((arg) => arg.startsWith(flag)).map((arg) => arg.slice(flag.length)),
  ]
}

export interface Place {
  readonly line: number
  /** From 1. */
  readonly column: number
}

export function faultAt(file: string, { line, column }: Place, message: string): string {
  const text = readFileSync(file, 'utf8').split('\n')[line - 1] ?? ''
  return `${file}:${line}:${column}: error: ${message}\n  ${text.trim()}`
}

function placeIn(frame: string, file: string): Place | null {
  if (!existsSync(file)) return null
  const path = realpathSync(file)
  for (const name of [path, pathToFileURL(path).href]) {
    const at = frame.lastIndexOf(`${name}:`)
    if (at < 0) continue
    const found = /^:(\d+):(\d+)/.exec(frame.slice(at + name.length))
    if (found !== null) return { line: Number(found[1]), column: Number(found[2]) }
  }
  return null
}
