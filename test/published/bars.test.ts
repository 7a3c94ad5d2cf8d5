/** Ratios that published measurements on bare metal agree on, at 100 Gb/s with server-2020s. */
import { describe, expect, it } from 'vitest'
import { measure, type Scheme, tcpGoodput, tcpRequests, udpSent } from './testbed.ts'

const RATE = '100Gbps'
const oneFlow = (scheme: Scheme) => tcpGoodput({ scheme, rate: RATE })
const small = (scheme: Scheme) => udpSent({ scheme, rate: RATE }, 64)
const requests = (scheme: Scheme) => tcpRequests({ scheme, rate: RATE })

describe('an overlay against the host’s network', () => {
  it('has 0.53 to 0.92 of the goodput of one TCP flow', () => {
    const ratio = oneFlow('vxlan') / oneFlow('host')
    expect(ratio).toBeGreaterThan(0.53)
    expect(ratio).toBeLessThan(0.92)
  })

  it('has 0.25 to 0.56 of the packets of 64 bytes', () => {
    const ratio = small('vxlan') / small('host')
    expect(ratio).toBeGreaterThan(0.25)
    expect(ratio).toBeLessThan(0.56)
  })

  it('has 0.50 to 0.65 of the transactions', () => {
    const ratio = requests('vxlan') / requests('host')
    expect(ratio).toBeGreaterThan(0.5)
    expect(ratio).toBeLessThan(0.65)
  })

  it('loses a factor of 2.5 to 7 without tunnel offload', () => {
    const hosts = 'nic: { tunnelOffload: false }'
    const factor = oneFlow('vxlan') / tcpGoodput({ scheme: 'vxlan', rate: RATE, hosts })
    expect(factor).toBeGreaterThan(2.5)
    expect(factor).toBeLessThan(7)
  })
})

describe('macvlan', () => {
  it.each([
    { what: 'one TCP flow', quantity: oneFlow },
    { what: 'packets of 64 bytes', quantity: small },
    { what: 'transactions', quantity: requests },
  ])('equals the host within 5 per cent: $what', ({ quantity }) => {
    expect(Math.abs(quantity('macvlan') / quantity('host') - 1)).toBeLessThan(0.05)
  })
})

describe.each(['host', 'vxlan'] as const)('flows through %s', (scheme) => {
  it('are capped by a core one by one, and scale with cores', () => {
    const one = measure({ scheme, rate: RATE }, 'kind: tcp, for: 40ms, warmup: 20ms')
    expect(one.limitedBy?.kind).toMatch(/core$/)
    const two = tcpGoodput({ scheme, rate: RATE }, 2)
    expect(two / (one.goodput! / 1e9)).toBeGreaterThan(1.7)
  })
})
