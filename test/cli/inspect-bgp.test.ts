import { describe, expect, it } from 'vitest'
import { showBgpRoutes, showBgpSummary } from '../../src/cli/inspect-bgp.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { BgpSpeakers } from '../control/bgp-speakers.ts'

describe('inspect NODE bgp', () => {
  const net = new BgpSpeakers()
  const own = net.add(65000, ipv4('10.0.0.1'), { multipath: 2 })
  const [a, b, silent] = [2, 3, 4].map((n) => net.add(65000 + n, ipv4(`10.0.0.${n}`)))
  for (const other of [a!, b!]) net.join(own, other, { isPassive: true })
  own.addNeighbour(silent!, {})
  own.speaker.originate(prefix('10.1.0.0/16'))
  for (const other of [a!, b!]) other.speaker.originate(prefix('10.2.0.0/16'))
  net.start()
  net.run(50 * SECOND)

  it('is a row for each neighbour, as FRR prints it', () => {
    const { lines, json } = showBgpSummary(own.speaker)
    expect(lines.slice(0, 3)).toEqual([
      'BGP router identifier 10.0.0.1, local AS number 65000',
      'RIB entries 2',
      'Peers 3',
    ])
    // OPEN, KEEPALIVE, a route and End-of-RIB each; the second peer also hears of what the first has.
    expect(lines.slice(5)).toEqual([
      '10.0.0.2        4      65002         4         4 00:00:49            1        1',
      '10.0.0.3        4      65003         4         5 00:00:49            1        2',
      '10.0.0.4        4      65004         0         0    never       Active        0',
    ])
    expect(json).toMatchObject([{ pfxRcd: 1 }, { state: 'Established' }, { since: null }])
  })

  it('and the paths with their next hops', () => {
    const { lines } = showBgpRoutes(own.speaker)
    expect(lines.slice(1)).toEqual([
      ' *> 10.1.0.0/16        0.0.0.0                       i',
      ' *> 10.2.0.0/16        10.0.0.2                      65002 i',
      ' *=                    10.0.0.3                      65003 i',
    ])
  })
})
