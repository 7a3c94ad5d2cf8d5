/**
 * Rows of published measurements that nothing was fitted on, against the model. The bounds are wide where the
 * source is of another kernel: docs/calibration.md has the errors.
 */
import { describe, expect, it } from 'vitest'
import { type Scheme, tcpGoodput, tcpRequests, udpRead, udpRequests, udpSent } from './testbed.ts'

const FAST = { rate: '100Gbps', mtu: 9000 }

interface Row {
  readonly what: string
  readonly measured: number
  /** Of the error, as the table of tolerances of the measurements has it, or as documented beyond it. */
  readonly bound: number
  readonly predict: () => number
}

function ratio(quantity: (scheme: Scheme) => number): () => number {
  return () => quantity('vxlan') / quantity('host')
}

const flow = ratio((scheme) => tcpGoodput({ scheme, ...FAST }))
const trips = ratio((scheme) => tcpRequests({ scheme, ...FAST }))
const echoes = ratio((scheme) => udpRequests({ scheme, ...FAST }))
const datagrams = ratio((scheme) => udpSent({ scheme, ...FAST }, 8870))
const read = (scheme: Scheme, rate: string, size: number, offered: number) => () =>
  udpRead({ scheme, rate }, size, offered)

const ROWS: readonly Row[] = [
  { what: '5.14 U22, TCP ratio', measured: 0.91, bound: 0.2, predict: flow },
  { what: '5.15, TCP ratio', measured: 0.65, bound: 0.5, predict: flow },
  { what: '6.8, TCP ratio', measured: 0.69, bound: 0.45, predict: flow },
  { what: '5.14 U22, RR ratio', measured: 0.57, bound: 0.15, predict: trips },
  { what: '5.14 U22, UDP RR ratio', measured: 0.568, bound: 0.15, predict: echoes },
  { what: '5.15, RR ratio', measured: 0.52, bound: 0.25, predict: trips },
  { what: '6.8, RR ratio', measured: 0.53, bound: 0.25, predict: trips },
  { what: '5.14 U22, UDP ratio', measured: 0.33, bound: 0.5, predict: datagrams },
  { what: '5.15, UDP ratio', measured: 0.45, bound: 0.25, predict: datagrams },
  { what: '6.8, UDP ratio', measured: 0.49, bound: 0.25, predict: datagrams },
  {
    what: '4.19, 10 Gb/s, UDP 1 KB native, kpps',
    measured: 1148,
    bound: 0.25,
    predict: read('host', '10Gbps', 1024, 1200),
  },
  {
    what: '4.19, 10 Gb/s, UDP 1 KB overlay, kpps',
    measured: 510,
    bound: 0.25,
    predict: read('vxlan', '10Gbps', 1024, 450),
  },
  {
    what: '5.4, 100 Gb/s, UDP 16 B native, kpps',
    measured: 2000,
    bound: 0.25,
    predict: read('host', '100Gbps', 16, 2500),
  },
  {
    what: '5.4, 100 Gb/s, UDP 16 B overlay, kpps',
    measured: 550,
    bound: 0.3,
    predict: read('vxlan', '100Gbps', 16, 450),
  },
]

describe('predicted', () => {
  for (const { what, measured, bound, predict } of ROWS) {
    const predicted = predict()
    const error = predicted / measured - 1
    it(`${what}: ${predicted.toFixed(2)} for ${measured}, ${(100 * error).toFixed(0)} %`, () => {
      expect(Math.abs(error)).toBeLessThan(bound)
    })
  }
})
