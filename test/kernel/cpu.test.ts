/**
 * What packets cost in the lab's kernel (Linux 6.18, two cores, all hosts in one kernel) and with the
 * profile lab-6.18. Medians of the lab's runs; its own spread is about 10 %.
 */
import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { type Build, type LoadResult, tcpStream, udpFlood, udpRoundTrips } from '../lab/load.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { baseline, flannelHostgw, flannelVxlan, macvlan } from '../lab/schemes.ts'

const COSTS = COST_PROFILES['lab-6.18']!
/** The bar: relative error of a row. */
const BAR = 0.15

const QUANTITIES: Record<string, (build: Build) => LoadResult> = {
  'ns a packet, UDP 64 B': (build) => udpFlood(COSTS, build, 64, 20 * MILLISECOND),
  'ns a packet, UDP 1400 B': (build) => udpFlood(COSTS, build, 1400, 20 * MILLISECOND),
  'ns a kB, TCP': (build) => tcpStream(COSTS, build, 100 * MILLISECOND),
  'ns a round trip, UDP on one CPU': (build) => udpRoundTrips(COSTS, build, 20 * MILLISECOND),
}

interface Row {
  readonly scheme: string
  readonly build: Build
  readonly isFitted: boolean
  /** In the order of the quantities. */
  readonly measured: readonly number[]
}

const ROWS: readonly Row[] = [
  {
    scheme: 'baseline',
    build: (lab) => baseline(lab),
    isFitted: true,
    measured: [8261, 7972, 395, 14_100],
  },
  {
    scheme: 'flannel host-gw',
    build: (lab) => flannelHostgw(lab),
    isFitted: true,
    measured: [13_194, 12_791, 590, 22_400],
  },
  {
    scheme: 'docker overlay',
    build: (lab) => dockerOverlay(lab),
    isFitted: true,
    measured: [15_863, 16_527, 642, 25_500],
  },
  {
    scheme: 'macvlan',
    build: (lab) => macvlan(lab),
    isFitted: false,
    measured: [8188, 8625, 391, 14_700],
  },
  {
    scheme: 'flannel vxlan',
    build: (lab) => flannelVxlan(lab),
    isFitted: false,
    measured: [18_557, 20_208, 742, 29_200],
  },
]

describe.each(ROWS)('$scheme in the lab', ({ build, isFitted, measured }) => {
  Object.entries(QUANTITIES).forEach(([quantity, load], index) => {
    const kernel = measured[index]!
    const model = load(build).cost
    const error = model / kernel - 1
    const shown = `${model.toFixed(0)} for ${kernel}, ${(100 * error).toFixed(1)} %`
    it(`${quantity}: ${isFitted ? 'fitted' : 'not fitted'} ${shown}`, () => {
      expect(Math.abs(error)).toBeLessThanOrEqual(BAR)
    })
  })
})
