import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SweepRow } from './result.ts'
import { SweepError } from './sweep-error.ts'

export const JOURNAL_FILE = 'journal.jsonl'

/** What a journal is of, by name of the part: all must be the same for a sweep to go on with it. */
export type Identity = Readonly<Record<string, unknown>>

/**
 * Finished runs in a file, a line each in the order in which they ended, on the disk before the next one
 * begins. A line that a kill left torn is cut off when the file is opened again.
 */
export class Journal {
  /** Rows that were there when the file was opened, by place in the plan. */
  readonly rows: ReadonlyMap<number, SweepRow>
  private readonly file: number

  private constructor(file: number, rows: ReadonlyMap<number, SweepRow>) {
    this.file = file
    this.rows = rows
  }

  /**
   * Opens the journal of `directory`, which is made if it is not there. Throws a SweepError when it is of
   * something else than `identity` or damaged, and what the file system throws.
   */
  static open(directory: string, identity: Identity): Journal {
    mkdirSync(directory, { recursive: true })
    const path = join(directory, JOURNAL_FILE)
    const file = openSync(path, 'a+')
    try {
      const bytes = readFileSync(file)
      const whole = bytes.lastIndexOf('\n') + 1
      const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1)
      const [head, ...rest] = lines.map((line, i) => parse(line, path, i + 1))
      if (head !== undefined) checkIdentity(path, head, identity)
      // Only now: a file of something else is left as it is.
      if (whole < bytes.length) ftruncateSync(file, whole)
      if (head === undefined) append(file, identity)
      // Our own lines, each written whole: the header has said that the plan is this one.
      const rows = (rest as unknown as SweepRow[]).map((row) => [row.index, row] as const)
      return new Journal(file, new Map(rows))
    } catch (error) {
      closeSync(file)
      throw error
    }
  }

  append(row: SweepRow): void {
    append(this.file, row)
  }

  close(): void {
    closeSync(this.file)
  }
}

function append(file: number, value: object): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
  // One write may take less than all of it.
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
  fdatasyncSync(file)
}

function parse(line: string, path: string, number: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new SweepError(
    `${path}:${number}: this is no journal of a sweep, or it is damaged; name another --out`,
  )
}

function checkIdentity(path: string, head: Identity, identity: Identity): void {
  for (const [part, value] of Object.entries(identity)) {
    if (JSON.stringify(head[part]) === JSON.stringify(value)) continue
    throw new SweepError(
      `${path} is of another sweep: it differs in ${part}; name another --out, or remove the folder`,
    )
  }
}
