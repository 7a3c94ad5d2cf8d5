import { describe, expect, it } from 'vitest'
import { parseDimension } from './dimension.ts'

const textsOf = (argument: string) => parseDimension(argument).values.map(({ text }) => text)
const numbersOf = (argument: string) => parseDimension(argument).values.map(({ number }) => number)

describe('dimension', () => {
  it.each([
    ['n=1,2, 3', ['1', '2', '3']],
    ['n=8..32:8', ['8', '16', '24', '32']],
    ['n=8..31:8', ['8', '16', '24']],
    ['n=3..6', ['3', '4', '5', '6']],
    ['n=8..64*2', ['8', '16', '32', '64']],
    ['n=2..10*1.5', ['2', '3', '5', '7']],
    ['n=1,4..8:2,100', ['1', '4', '6', '8', '100']],
    ['rate=1Gbps..3Gbps:1Gbps', ['1Gbps', '2Gbps', '3Gbps']],
    ['rate=1..3Gbps', ['1Gbps', '2Gbps', '3Gbps']],
    ['rate=500Mbps..2Gbps:500Mbps', ['500Mbps', '1000Mbps', '1500Mbps', '2000Mbps']],
    ['delay=0..1ms:250us', ['0ms', '250000000ps', '500000000ps', '750000000ps', '1ms']],
    ['loss=0.1%..0.5%:0.1%', ['0.1%', '0.2%', '0.3%', '0.4%', '0.5%']],
    ['rate=1Gbps..10Gbps*2', ['1Gbps', '2Gbps', '4Gbps', '8Gbps']],
    ['size=100..400*1.5', ['100', '150', '225', '338']],
    ['scheme=a,b', ['a', 'b']],
    ['from=[c1,c2],[c3]', ['[c1,c2]', '[c3]']],
    ['x={ a: 1, b: "," },2', ['{ a: 1, b: "," }', '2']],
  ])('reads %s', (argument, texts) => {
    expect(textsOf(argument)).toEqual(texts)
  })

  it('takes decimal steps without rounding errors', () => {
    expect(textsOf('x=0.1..0.9')).toEqual(
      ['1', '2', '3', '4', '5', '6', '7', '8', '9'].map((digit) => `0.${digit}`),
    )
  })

  it('gives numbers in one unit, and none where one is a word', () => {
    const { values, unit, spacing } = parseDimension('rate=100Mbps,1Gbps,10Gbps')
    expect(unit).toBe('Mbps')
    expect(spacing).toBe('list')
    expect(values.map(({ number }) => number)).toEqual([100, 1000, 10000])
    expect(numbersOf('x=1,two')).toEqual([null, null])
    expect(numbersOf('x=1Gbps,5ms')).toEqual([null, null])
  })

  it.each([
    ['x=1..9', 'linear'],
    ['x=1..9:2', 'linear'],
    ['x=1..9*2', 'geometric'],
    ['x=1..9,12', 'list'],
  ])('says how the values of %s lie: %s', (argument, spacing) => {
    expect(parseDimension(argument).spacing).toBe(spacing)
  })

  it('keeps a path with signs in it', () => {
    expect(parseDimension('workload[0].size=1,2').path).toBe('workload[0].size')
  })

  it.each([
    ['x', 'write path='],
    ['=1,2', 'write path='],
    ['x=', 'write path='],
    ['x=1,,2', 'write path='],
    ['x=9..1', 'ends before it begins'],
    ['x=1..9:0', 'the step is 0'],
    ['x=1..9*1', 'above 1'],
    ['x=0..9*2', 'above 0'],
    ['x=1Gbps..5ms', 'do not fit together'],
    ['x=1..100000', 'more than 10000 values'],
    ['x=1,2,1', '1 stands twice'],
  ])('refuses %s', (argument, message) => {
    expect(() => parseDimension(argument)).toThrow(message)
  })
})
