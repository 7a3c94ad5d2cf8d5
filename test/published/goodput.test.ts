/** Link-limited goodput where cores cost nothing: the arithmetic of the headers, which measurements bear out. */
import { expect, it } from 'vitest'
import { tcpGoodput } from './testbed.ts'

it.each([
  ['host', 1500, 9.415],
  ['macvlan', 1500, 9.415],
  ['host-gw', 1500, 9.415],
  ['vxlan', 1500, 9.09],
  ['host', 9000, 9.9],
  ['vxlan', 9000, 9.845],
] as const)('%s, MTU %i: %f Gb/s of 10', (scheme, mtu, expected) => {
  const goodput = tcpGoodput({ scheme, mtu, rate: '10Gbps' }, 1, 'none')
  expect(Math.abs(goodput / expected - 1)).toBeLessThan(0.005)
})
