/** Frame by frame what a real kernel did, at three points of five schemes: see test/golden/README.md. */
import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { Capture } from '../../src/measure/capture.ts'
import { compareRun } from '../golden/compare.ts'
import type { TextFrame } from '../golden/text.ts'
import type { Lab } from '../lab/lab.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { baseline, flannelHostgw, flannelVxlan, macvlan, type Setup } from '../lab/schemes.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'
import { seedNumbers } from '../seeds.ts'
import { seedOfBoot } from './boot-seed.ts'
import { goldenLog, type Probe, runScheme, type SchemeRun } from './golden-run.ts'

const SEED = seedOfBoot()
/** A jiffy, and how exactly the seed fits. */
const TIME_TOLERANCE = 0.005

const SCHEMES: readonly [string, (lab: Lab) => Setup][] = [
  ['baseline', (lab) => baseline(lab)],
  ['macvlan', (lab) => macvlan(lab)],
  ['flannel-vxlan', (lab) => flannelVxlan(lab)],
  ['flannel-hostgw', (lab) => flannelHostgw(lab)],
  ['docker-overlay', (lab) => dockerOverlay(lab)],
]

/** As the lab did it: the last probe in a lab of its own, and of macvlan the transfer too. */
function runsOf(scheme: string): readonly (readonly Probe[])[] {
  if (scheme === 'macvlan') {
    return [['ping', 'udp100', 'udp4000', 'df1472', 'arpnx'], ['tcp200k'], ['isol']]
  }
  const together: Probe[] = ['ping', 'udp100', 'udp4000', 'df1472', 'tcp200k', 'arpnx']
  return scheme === 'baseline' ? [together] : [together, ['isol']]
}

/**
 * Segments of a transfer that were cut alike, of 147. Ours cuts at the end of every write, for each has
 * left before the next; so did the kernel unless acknowledgements were late, as they were here and there.
 */
const SEGMENTS_ALIKE: Readonly<Record<string, number>> = {
  baseline: 147,
  macvlan: 107,
  'flannel-vxlan': 147,
  'flannel-hostgw': 122,
  'docker-overlay': 98,
}

const hasTshark = peerAvailable('tshark')

function isUnicastArp({ layers: [ethernet, next] }: TextFrame): boolean {
  return next?.protocol === 'arp' && ethernet?.fields.get('dst') !== 'ff:ff:ff:ff:ff:ff'
}

describe.each(SCHEMES)('%s', (scheme, build) => {
  const probes = runsOf(scheme)
  const runs = probes.map((each) => runScheme(scheme, build, each, { seed: SEED }))
  const parts = runs.flatMap((run) => run.parts)
  const transfers = parts.filter(({ name }) => name.startsWith('tcp200k'))

  it('sends the frames that the kernel sent', () => {
    for (const { parts, configuredMacs } of runs)
      expect(compareRun(parts, configuredMacs)).toBeNull()
  })

  it('sends them when the kernel did: timers too, to a jiffy', () => {
    // How long a transfer took was a matter of that machine's speed.
    for (const { name, kernel, ours } of parts.filter((part) => !transfers.includes(part))) {
      const late = kernel.map(({ time }, index) => Math.abs(time - ours[index]!.time))
      expect(Math.max(0, ...late), name).toBeLessThan(TIME_TOLERANCE)
    }
  })

  it('cuts a stream into the segments that the kernel cut', () => {
    const alike = transfers.filter(({ kernel }) => kernel.length > 0)
    expect(alike.length).toBe(3)
    for (const { name, sameSegments } of alike)
      expect(sameSegments, name).toBe(SEGMENTS_ALIKE[scheme])
  })

  it('sends them where work takes time too, and readers run beside writers', () => {
    const costs = COST_PROFILES['lab-6.18']!
    const run = runScheme(scheme, build, ['tcp200k'], { seed: SEED, costs })
    expect(compareRun(run.parts, run.configuredMacs)).toBeNull()
    expect(run.said.get('tcp200k')).toEqual(goldenLog(scheme).get('tcp200k'))
    expect(run.lab.kernel.machine!.unaccounted).toBe(0)
    expect(run.imbalance).toBe(0)
  })

  it('sees nothing but unicast ARP while no capture ran', () => {
    const others = runs.flatMap(({ unseen }) => unseen).filter((frame) => !isUnicastArp(frame))
    expect(others).toEqual([])
  })

  it('tells its programs what the kernel told', () => {
    const said = new Map(runs.flatMap((run) => [...run.said]))
    for (const [probe, lines] of goldenLog(scheme)) {
      expect(said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
    }
  })

  it('sends them whatever the tick, but for requests that prove a neighbour', () => {
    // Those come 5.00 to 5.26 s after an answer, so that some fall between two captures.
    const sent = (frames: readonly TextFrame[]) => frames.filter((frame) => !isUnicastArp(frame))
    for (const number of seedNumbers(40)) {
      const seed = `any ${number}`
      const { parts, configuredMacs } = runScheme(scheme, build, probes[0]!, { seed })
      const firstAnswers = parts.map((part) => {
        // With cold caches the answers to broadcasts are unicast too: they stay.
        if (part.name.startsWith('ping')) return part
        return { ...part, kernel: sent(part.kernel), ours: sent(part.ours) }
      })
      expect(compareRun(firstAnswers, configuredMacs)).toBeNull()
    }
  })

  it.skipIf(!hasTshark)('sends frames in which tshark finds no fault', () => {
    const capture = new Capture()
    runScheme(scheme, build, probes[0]!, { seed: SEED, capture })
    expect(expectCleanCapture(capture.bytes()).length).toBeGreaterThan(50)
  })

  it('loses no frame from its books', () => {
    expect(runs.map((run: SchemeRun) => run.imbalance)).toEqual(runs.map(() => 0))
  })
})
