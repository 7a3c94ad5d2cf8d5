/** Frame by frame what a real kernel did, at three points of four schemes: see test/golden/README.md. */
import { describe, expect, it } from 'vitest'
import { compareRun } from '../golden/compare.ts'
import type { Lab } from '../lab/lab.ts'
import { baseline, flannelHostgw, flannelVxlan, macvlan, type Setup } from '../lab/schemes.ts'
import { goldenLog, type Probe, runScheme, type SchemeRun } from './golden-run.ts'

const SEED = '1'

const SCHEMES: readonly [string, (lab: Lab) => Setup][] = [
  ['baseline', (lab) => baseline(lab)],
  ['macvlan', (lab) => macvlan(lab)],
  ['flannel-vxlan', (lab) => flannelVxlan(lab)],
  ['flannel-hostgw', (lab) => flannelHostgw(lab)],
]

/** As the lab did it: the last probe in a lab of its own. */
const RUNS: readonly (readonly Probe[])[] = [
  ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx'],
  ['isol'],
]

describe.each(SCHEMES)('%s', (scheme, build) => {
  const runs = RUNS.filter((probes) => scheme !== 'baseline' || !probes.includes('isol')).map(
    (probes) => runScheme(scheme, build, probes, SEED),
  )

  it('sends the frames that the kernel sent', () => {
    for (const { parts, configuredMacs } of runs)
      expect(compareRun(parts, configuredMacs)).toBeNull()
  })

  it('sees nothing but unicast ARP while no capture ran', () => {
    const others = runs
      .flatMap(({ unseen }) => unseen)
      .filter(({ layers }) => {
        const [ethernet, next] = layers
        return next?.protocol !== 'arp' || ethernet?.fields.get('dst') === 'ff:ff:ff:ff:ff:ff'
      })
    expect(others).toEqual([])
  })

  it('tells its programs what the kernel told', () => {
    const said = new Map(runs.flatMap((run) => [...run.said]))
    for (const [probe, lines] of goldenLog(scheme)) {
      expect(said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
    }
  })

  it('loses no frame from its books', () => {
    expect(runs.map((run: SchemeRun) => run.imbalance)).toEqual(runs.map(() => 0))
  })
})
