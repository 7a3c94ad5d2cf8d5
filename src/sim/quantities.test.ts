import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseQuantity, QUANTITIES, type QuantityKind } from './quantities.ts'

describe('parseQuantity', () => {
  it.each<[QuantityKind, unknown, number]>([
    ['rate', '10Gbps', 10e9],
    ['rate', '100 Mbps', 100e6],
    ['rate', '2.5Gbps', 2.5e9],
    ['rate', 0, 0],
    ['duration', '5us', 5e6],
    ['duration', '5µs', 5e6],
    ['duration', '0.1us', 1e5],
    ['duration', '300s', 3e14],
    ['duration', '1ps', 1],
    ['duration', '2min', 12e13],
    ['duration', '4h', 4 * 3600e12],
    ['duration', '.5ms', 5e8],
    ['size', '1450B', 1450],
    ['size', 9000, 9000],
    ['size', '9000', 9000],
    ['size', '64KiB', 65536],
    ['size', '1.5kB', 1500],
    ['packetRate', '100kpps', 1e5],
    ['packetRate', '0.5pps', 0.5],
    ['fraction', '1%', 0.01],
    ['fraction', '0.05%', 0.0005],
    ['fraction', '100%', 1],
  ])('%s %j', (kind, input, value) => {
    expect(parseQuantity(kind, input)).toEqual({ ok: true, value })
  })

  it.each<[QuantityKind, unknown, RegExp, RegExp]>([
    ['rate', '10', /"10" has no unit/, /10Mbps or 10Gbps/],
    ['rate', 10, /10 has no unit/, /10Mbps or 10Gbps/],
    ['rate', '10gbps', /unit "gbps"/, /did you mean 10Gbps/],
    ['rate', '10Gbit/s', /unit "Gbit\/s"/, /did you mean 10Gbps/],
    ['rate', '10G', /unit "G"/, /did you mean 10Gbps/],
    ['rate', '10furlongs', /unit "furlongs"/, /bps, kbps, Mbps/],
    ['rate', 'fast', /"fast" is not a rate/, /10Gbps or 100Mbps/],
    ['rate', '-5Mbps', /is not a rate/, /10Gbps/],
    ['rate', '0.5bps', /not a whole number/, /10Gbps/],
    ['rate', '1000Tbps', /more than/, /100Tbps/],
    ['rate', null, /nothing is not a rate/, /10Gbps/],
    ['rate', [1], /a list is not a rate/, /10Gbps/],
    ['rate', { a: 1 }, /a mapping is not a rate/, /10Gbps/],
    ['rate', true, /true is not a rate/, /10Gbps/],
    ['rate', Number.NaN, /not a rate/, /10Gbps/],
    ['duration', '5sec', /unit "sec"/, /did you mean 5s\?/],
    ['duration', '5S', /unit "S"/, /did you mean 5s\?/],
    ['duration', '0.5ps', /whole number of picoseconds/, /5us/],
    ['duration', '1000h', /more than/, /168h/],
    ['size', '1500b', /unit "b"/, /did you mean 1500B/],
    ['size', '64KB', /unit "KB"/, /did you mean 64kB/],
    ['size', 1.5, /whole number/, /1450B/],
    ['fraction', 0.01, /no unit/, /0\.01%/],
    ['fraction', '120%', /more than/, /100%/],
  ])('refuses %s %j', (kind, input, message, remedy) => {
    const parsed = parseQuantity(kind, input)
    expect(parsed).toMatchObject({
      ok: false,
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    })
  })

  it('takes every unit and example that it offers', () => {
    for (const kind of Object.keys(QUANTITIES) as QuantityKind[]) {
      const { units, examples } = QUANTITIES[kind]
      for (const unit of units.keys()) {
        expect(parseQuantity(kind, `1${unit}`), `1${unit}`).toMatchObject({ ok: true })
      }
      for (const example of examples) expect(parseQuantity(kind, example).ok, example).toBe(true)
    }
  })

  it('is exact where a product of floats is not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (n) => {
        const text = `${Math.floor(n / 1000)}.${String(n % 1000).padStart(3, '0')}us`
        expect(parseQuantity('duration', text)).toEqual({ ok: true, value: n * 1000 })
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('never throws, and says something of whatever it refuses', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(QUANTITIES) as QuantityKind[])),
        fc.anything(),
        (kind, input) => {
          const parsed = parseQuantity(kind, input)
          if (parsed.ok) expect(parsed.value).toBeGreaterThanOrEqual(0)
          else expect(parsed.message.length * parsed.remedy.length).toBeGreaterThan(0)
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })
})
