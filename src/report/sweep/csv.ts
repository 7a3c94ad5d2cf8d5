import { stringify } from 'csv-stringify/sync'
import type { Column } from './records.ts'

/**
 * Columns as CSV (RFC 4180, but with line feeds, and UTF-8 without a mark): a head line, then a line
 * for each run. What is missing is empty, which pandas and R read as not available.
 */
export function toCsv(columns: readonly Column[]): string {
  const runs = columns[0]?.values.length ?? 0
  const records = Array.from({ length: runs }, (_, run) => columns.map(({ values }) => values[run]))
  return stringify([columns.map(({ name }) => name), ...records])
}
