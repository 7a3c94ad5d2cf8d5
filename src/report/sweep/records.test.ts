import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import type { SweepResult } from '../../study/sweep/result.ts'
import { toCsv } from './csv.ts'
import { toParquet } from './parquet.ts'
import { columnsOf } from './records.ts'
import { dimension, metric, sampleSweep } from './sample-sweep.ts'

const SWEEP = sampleSweep({
  dimensions: [
    dimension('fabric.links', [1, 10], 'list', 'Gbps'),
    dimension('seed', [4, 8], 'geometric'),
  ],
  series: [
    { panel: 'rack, one', variant: 'a "b"' },
    { panel: null, variant: null },
  ],
  seeds: 2,
  spread: 0.5,
  metrics: [metric('goodput', 'bits/s'), metric('rtt.p99', 'ps')],
  measure: (name, series, [links = 0]) => {
    if (name === 'rtt.p99') return series === 0 ? null : 1_500
    return 1e9 * (links + 1)
  },
})

/** With texts that need quotes. */
const FAILED: SweepResult = {
  ...SWEEP,
  rows: SWEEP.rows.map((row, i) => (i === 1 ? { ...row, failed: ['a >= 1, "x"', 'b'] } : row)),
}

function parquet(result: SweepResult): ArrayBuffer {
  const bytes = toParquet(columnsOf(result), result)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

describe('results as a table', () => {
  it('has a row a run and a column a variable', () => {
    const lines = toCsv(columnsOf(FAILED)).split('\n')
    expect(lines.slice(0, 4)).toEqual([
      'index,panel,variant,fabric.links_Gbps,vary.seed,replica,seed,goodput,rtt.p99,stream.limitedBy,failed',
      '0,"rack, one","a ""b""",1,4,0,1,750000000,,application,',
      '1,"rack, one","a ""b""",1,4,1,1/2,1250000000,,application,"a >= 1, ""x""; b"',
      '2,"rack, one","a ""b""",1,8,0,1,750000000,,link,',
    ])
    expect(lines.at(-2)).toBe('15,,,10,8,1,1/2,2500000000,1875,link,')
    expect(lines).toHaveLength(1 + 16 + 1)
  })

  it('takes the texts of a dimension whose values are no numbers', () => {
    const values = ['small', '10Gbps'].map((text) => ({ text, number: null }))
    const result = sampleSweep({
      dimensions: [{ path: 'switch', spacing: 'list', unit: '', values }],
      metrics: [metric('drops', 'count')],
      measure: () => 3,
    })
    const column = columnsOf(result).find(({ name }) => name === 'switch')
    expect(column).toEqual({ name: 'switch', kind: 'text', values: ['small', '10Gbps'] })
  })

  it('says the same in Parquet, with types and without texts for what is missing', async () => {
    const rows = await parquetReadObjects({ file: parquet(FAILED) })
    const columns = columnsOf(FAILED)
    expect(rows).toHaveLength(16)
    expect(rows).toEqual(
      FAILED.rows.map((_, i) =>
        Object.fromEntries(columns.map(({ name, values }) => [name, values[i]])),
      ),
    )
    const metadata = parquetMetadata(parquet(FAILED))
    const types = metadata.schema.slice(1).map(({ name, type }) => `${name} ${type}`)
    expect(types.slice(0, 5)).toEqual([
      'index INT32',
      'panel BYTE_ARRAY',
      'variant BYTE_ARRAY',
      'fabric.links_Gbps DOUBLE',
      'vary.seed DOUBLE',
    ])
    expect(metadata.created_by).toBe('encap version 0.1.0')
    const [entry] = metadata.key_value_metadata ?? []
    expect(entry?.key).toBe('encap.metrics')
    expect(JSON.parse(entry?.value ?? '')).toEqual(SWEEP.metrics)
  })

  it('writes the same bytes for the same data, and a table without rows', async () => {
    const copy = structuredClone(FAILED)
    expect(Buffer.from(parquet(copy)).equals(Buffer.from(parquet(FAILED)))).toBe(true)
    expect(toCsv(columnsOf(copy))).toBe(toCsv(columnsOf(FAILED)))
    const empty = { ...SWEEP, rows: [], cells: [] }
    expect(toCsv(columnsOf(empty)).split('\n')).toHaveLength(2)
    expect(await parquetReadObjects({ file: parquet(empty) })).toEqual([])
  })
})
