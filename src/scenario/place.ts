/** Places in texts and paths in values. */
import { frameOf, type Issue, type IssueCode } from './issues.ts'

export type Path = readonly (string | number)[]

/** Whether an issue is about a key or about what stands behind it. */
export type Target = 'key' | 'value'

/** A stretch of a text, and how much of the path that was asked for leads there. */
export interface Place {
  readonly text: SourceText
  readonly start: number
  readonly end: number
  readonly depth: number
  /** The path goes into a list or a value of this text, so that no other text has a say. */
  readonly owns: boolean
}

/** A text with its line ends. */
export class SourceText {
  readonly file: string
  readonly lines: readonly string[]
  private readonly lineStarts: number[]

  constructor(file: string, text: string) {
    this.file = file
    this.lines = text.split('\n')
    this.lineStarts = [0]
    for (const line of this.lines) this.lineStarts.push(this.lineStarts.at(-1)! + line.length + 1)
  }

  issueAt(
    start: number,
    end: number,
    fault: { code: IssueCode; message: string; remedy: string; path?: string },
  ): Issue {
    const { line, column } = this.positionOf(start)
    const lineEnd = this.lineStarts[line]! - 1
    return {
      code: fault.code,
      message: fault.message,
      remedy: fault.remedy,
      path: fault.path ?? '',
      file: this.file,
      line,
      column,
      length: Math.max(1, Math.min(end, lineEnd) - start),
      frame: this.lines.length === 1 && this.lines[0] === '' ? [] : frameOf(this.lines, line),
      variants: [],
    }
  }

  /** Counted from 1. */
  lineOf(offset: number): number {
    return this.positionOf(offset).line
  }

  private positionOf(offset: number): { line: number; column: number } {
    let low = 0
    let high = this.lines.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.lineStarts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - this.lineStarts[low]! + 1 }
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `workload[0].rate` */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

export function valueAt(value: unknown, path: Path): unknown {
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
