import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeTcpOptions, emitTcpOptions, parseTcpOptions, TcpOptions } from './tcp-options.ts'

function optionsOf(fields: Partial<TcpOptions>, edges: readonly number[] = []): TcpOptions {
  const options = Object.assign(new TcpOptions(), fields)
  options.sackEdges.set(edges)
  options.sackBlocks = edges.length / 2
  return options
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const anyOptions = fc
  .record({
    mss: fc.integer({ min: 0, max: 0xffff }),
    windowScale: fc.integer({ min: -1, max: 14 }),
    sackPermitted: fc.boolean(),
    timestamps: fc.option(fc.tuple(int32, int32)),
    edges: fc.array(fc.tuple(int32, int32), { maxLength: 4 }),
  })
  .map(({ timestamps, edges, ...fields }) =>
    optionsOf(
      {
        ...fields,
        hasTimestamps: timestamps !== null,
        tsValue: timestamps?.[0] ?? 0,
        tsEcho: timestamps?.[1] ?? 0,
      },
      edges.flat(),
    ),
  )

describe('TCP options', () => {
  it('come back as they were written, in whole words', () => {
    const parsed = new TcpOptions()
    fc.assert(
      fc.property(anyOptions, (options) => {
        const bytes = emitTcpOptions(options)
        expect(bytes.length % 4).toBe(0)
        parseTcpOptions(bytes, parsed)
        const edges = 2 * options.sackBlocks
        expect(parsed.sackEdges.slice(0, edges)).toEqual(options.sackEdges.slice(0, edges))
        expect({ ...parsed, sackEdges: null }).toEqual({ ...options, sackEdges: null })
      }),
      { seed: 20261122, numRuns: 500 },
    )
  })

  it.each([
    ['data', { hasTimestamps: true }, [], '0101080a0000000000000000'],
    ['SYN without timestamps', { mss: 1460, sackPermitted: true }, [], '020405b401010402'],
    [
      'SYN without SACK',
      { windowScale: 7, hasTimestamps: true },
      [],
      '0101080a000000000000000001030307',
    ],
    ['SACK', {}, [1, 2, 3, 4], '010105120000000100000002' + '0000000300000004'],
  ])('are laid out as Linux does: %s', (_what, fields, edges, expected) => {
    expect(Buffer.from(emitTcpOptions(optionsOf(fields, edges))).toString('hex')).toBe(expected)
  })

  it('are described in the order of the wire', () => {
    const options = optionsOf({ mss: 1460, sackPermitted: true, windowScale: 7 }, [-1, 5])
    Object.assign(options, { hasTimestamps: true, tsValue: -1 })
    expect(describeTcpOptions(emitTcpOptions(options))).toBe(
      'mss 1460,sackOK,TS val 4294967295 ecr 0,nop,wscale 7,nop,nop,sack 1 {4294967295:5}',
    )
    expect(describeTcpOptions(Uint8Array.of(30, 2, 0, 0))).toBe('opt-30,eol')
    expect(describeTcpOptions(Uint8Array.of(2, 9, 1))).toBe('malformed')
  })

  it('stop at nonsense and forget what was parsed before', () => {
    const parsed = optionsOf({ mss: 9, windowScale: 3 }, [1, 2])
    for (const bytes of [
      [2, 9],
      [2, 0, 1, 1],
      [1, 2],
      [8, 10, 1],
      [0, 2, 4, 5, 180],
    ]) {
      parseTcpOptions(Uint8Array.from(bytes), parsed)
      expect(parsed).toMatchObject({ mss: 0, windowScale: -1, sackBlocks: 0, hasTimestamps: false })
    }
  })
})
