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

/** A finished run without its place in the plan, which changes as replicas are added. */
export type JournalRow = Omit<SweepRow, 'index'>

/** What the journal is of now; a later one stands for a sweep that has grown. */
interface Head {
  readonly sweep: Identity
}

/**
 * Finished runs in a file, a line each in the order in which they ended, each on the disk before it
 * counts as finished. A line that a kill left torn is cut off when the file is opened again.
 */
export class Journal {
  /** Rows that were there when the file was opened. */
  readonly rows: readonly JournalRow[]
  private readonly file: number

  private constructor(file: number, rows: readonly JournalRow[]) {
    this.file = file
    this.rows = rows
  }

  /**
   * Opens the journal of `directory`, which is made if it is not there. Throws a SweepError when it is of
   * something else than `identity` or damaged, and what the file system throws.
   * @param growing a part that is a list and may be longer than the journal's, which then grows with it.
   */
  static open(directory: string, identity: Identity, growing = ''): Journal {
    mkdirSync(directory, { recursive: true })
    const path = join(directory, JOURNAL_FILE)
    const file = openSync(path, 'a+')
    try {
      const bytes = readFileSync(file)
      const whole = bytes.lastIndexOf('\n') + 1
      const lines = bytes.toString('utf8', 0, whole).split('\n').slice(0, -1)
      const parsed = lines.map((line, i) => parse(line, path, i + 1))
      const head = parsed.filter(isHead).at(-1)?.sweep
      if (head !== undefined) checkIdentity(path, head, identity, growing)
      // Only now: a file of something else is left as it is.
      if (whole < bytes.length) ftruncateSync(file, whole)
      if (JSON.stringify(head) !== JSON.stringify(identity)) append(file, { sweep: identity })
      const rows = parsed.flatMap((each) => (isHead(each) ? [] : [each]))
      return new Journal(file, rows)
    } catch (error) {
      closeSync(file)
      throw error
    }
  }

  append(row: JournalRow): void {
    append(this.file, row)
  }

  close(): void {
    closeSync(this.file)
  }
}

function append(file: number, value: Head | JournalRow): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`)
  // One write may take less than all of it.
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
  fdatasyncSync(file)
}

function isHead(line: Head | JournalRow): line is Head {
  return 'sweep' in line
}

/** A line of ours was written whole, so what it holds is right if it is one of ours at all. */
function parse(line: string, path: string, number: number): Head | JournalRow {
  try {
    const value: unknown = JSON.parse(line)
    const isOurs = typeof value === 'object' && value !== null && (number > 1 || 'sweep' in value)
    if (isOurs && ('sweep' in value || 'metrics' in value)) return value as Head | JournalRow
  } catch {
    // Said below.
  }
  throw new SweepError(
    `${path}:${number}: this is no journal of a sweep, or it is damaged; name another --out`,
  )
}

function checkIdentity(path: string, head: Identity, identity: Identity, growing: string): void {
  for (const [part, value] of Object.entries(identity)) {
    const [before, now] = [head[part], value].map((each) => JSON.stringify(each))
    if (before === now) continue
    if (part === growing && isBeginningOf(head[part], value)) continue
    const isLess = part === growing && isBeginningOf(value, head[part])
    const how = isLess
      ? `it has more ${part} already (${(head[part] as readonly unknown[]).length}); ask for as many`
      : `it differs in ${part}; name another --out, or remove the folder`
    throw new SweepError(`${path} is of another sweep: ${how}`)
  }
}

function isBeginningOf(part: unknown, whole: unknown): boolean {
  if (!Array.isArray(part) || !Array.isArray(whole)) return false
  return JSON.stringify(part) === JSON.stringify(whole.slice(0, part.length))
}
