/** Faults of a scenario file as data, and how they are shown. */
import { styleText } from 'node:util'

export type IssueCode =
  | 'syntax'
  | 'too_large'
  | 'too_deep'
  | 'unknown_key'
  | 'missing_key'
  | 'wrong_type'
  | 'wrong_value'
  | 'unknown_name'
  | 'duplicate_name'
  | 'conflict'
  | 'overlap'
  | 'out_of_range'
  | 'topology'

export interface Issue {
  readonly code: IssueCode
  /** What is wrong. */
  readonly message: string
  /** What would be right. */
  readonly remedy: string
  /** `workload[0].rate`; empty for the file as a whole. */
  readonly path: string
  /** The file, or `--set #1` for the first setting of the command line. */
  readonly file: string
  /** Counted from 1, as the column is. */
  readonly line: number
  readonly column: number
  /** Characters that are wrong, at least 1. */
  readonly length: number
  /** The lines around, for the code frame. */
  readonly frame: readonly FrameLine[]
  /** The variants in which it is wrong, when it is not wrong in all. */
  readonly variants: readonly string[]
}

export interface FrameLine {
  readonly line: number
  readonly text: string
}

const CONTEXT_LINES = 2
const WIDTH_MAX = 160
const ISSUES_SHOWN_MAX = 50

/** The lines around `line`, cut to a width that a terminal bears. */
export function frameOf(lines: readonly string[], line: number): FrameLine[] {
  const frame: FrameLine[] = []
  const first = Math.max(1, line - CONTEXT_LINES)
  for (let at = first; at <= Math.min(line, lines.length); at++) {
    frame.push({ line: at, text: (lines[at - 1] ?? '').replace(/\r$/, '') })
  }
  return frame
}

/** `file:line:column: error: message` with a code frame and the remedy, one block an issue. */
export function formatIssues(issues: readonly Issue[], options: { color?: boolean } = {}): string {
  const color = options.color ?? false
  const blocks = issues.slice(0, ISSUES_SHOWN_MAX).map((issue) => formatIssue(issue, color))
  if (issues.length > ISSUES_SHOWN_MAX) {
    blocks.push(`... and ${issues.length - ISSUES_SHOWN_MAX} more faults\n`)
  }
  return blocks.join('\n')
}

type Style = Parameters<typeof styleText>[0]

function formatIssue(issue: Issue, color: boolean): string {
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text
  const where = paint('bold', `${issue.file}:${issue.line}:${issue.column}:`)
  const place = issue.path === '' ? '' : ` (at ${issue.path})`
  const variants = issue.variants.length === 0 ? '' : ` [variant ${issue.variants.join(', ')}]`
  const head = `${where} ${paint('red', 'error:')} ${plain(issue.message)}${place}${variants}`
  const numberWidth = String(issue.line).length
  const frame = issue.frame.map(({ line, text }) => {
    const number = paint('dim', `  ${String(line).padStart(numberWidth)} |`)
    return `${number} ${plain(windowOf(text, issue.column))}`
  })
  if (frame.length > 0) {
    const bar = paint('dim', `  ${' '.repeat(numberWidth)} |`)
    frame.push(`${bar} ${paint('red', markerOf(issue))}`)
  }
  return [head, ...frame, `  ${paint('cyan', 'remedy:')} ${plain(issue.remedy)}`, ''].join('\n')
}

/** A long line is shown from shortly before the fault. */
function windowStart(column: number): number {
  return column > WIDTH_MAX - 20 ? column - 60 : 0
}

function windowOf(text: string, column: number): string {
  const start = windowStart(column)
  return text.slice(start, start + WIDTH_MAX)
}

function markerOf(issue: Issue): string {
  const at = issue.column - 1 - windowStart(issue.column)
  const text = issue.frame.at(-1)?.text ?? ''
  const room = Math.min(text.length - (issue.column - 1), WIDTH_MAX - at)
  return ' '.repeat(Math.max(0, at)) + '^'.repeat(Math.max(1, Math.min(issue.length, room)))
}

/** A file may hold control characters, which must not reach the terminal. */
function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => (character === '\t' ? ' ' : '�'))
}
