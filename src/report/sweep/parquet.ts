import { type BasicType, parquetWriteBuffer } from 'hyparquet-writer'
import type { SweepResult } from '../../study/sweep/result.ts'
import type { Column } from './records.ts'

const TYPES: Readonly<Record<Column['kind'], BasicType>> = {
  integer: 'INT32',
  number: 'DOUBLE',
  text: 'STRING',
}

/**
 * Columns as a Parquet file, snappy, null where a run has no value. The file's metadata have the key
 * `encap.metrics`: unit and meaning of each metric, as JSON.
 */
export function toParquet(columns: readonly Column[], result: SweepResult): Uint8Array {
  const buffer = parquetWriteBuffer({
    columnData: columns.map(({ name, kind, values }) => ({
      name,
      data: [...values],
      type: TYPES[kind],
    })),
    kvMetadata: [{ key: 'encap.metrics', value: JSON.stringify(result.metrics) }],
    createdBy: `encap version ${result.version}`,
  })
  return new Uint8Array(buffer)
}
