/** Runs the kernel lab's probes in the simulator, in the lab's order and with its gaps. */
import { existsSync, readFileSync } from 'node:fs'
import type { CostProfile } from '../../src/cpu/cost-profile.ts'
import type { Capture } from '../../src/measure/capture.ts'
import type { Part } from '../golden/compare.ts'
import { parseGolden, Recorder, type TextFrame } from '../golden/text.ts'
import { type AlignedTransfers, alignTransfers, reduceTransfer } from '../golden/transfer.ts'
import { Lab } from '../lab/lab.ts'
import type { Setup } from '../lab/schemes.ts'
import {
  type PerPoint,
  POINTS,
  type PointName,
  type Probe,
  type Recording,
  schedule,
} from './golden-probes.ts'

export type { Probe }

/** Simulated time 0 as Unix time: shortly before the first capture, with all schemes in one boot. */
const BOOT_EPOCH = 1795356800
const SECOND = 1e12
/** The captures began before their probes and ended 0.3 s after them; a UDP server waits a second. */
const LEAD = 0.25
const TAIL = 0.3
const UDP_TAIL = 1.3

export interface RunOptions {
  readonly seed: string
  /** Seconds that the lab runs on after the last capture. */
  readonly rest?: number
  /** Seconds that the set-up takes before the first frame of a capture; default 1. */
  readonly lead?: number
  /** What work costs; without it, it takes no time. Then only for a transfer by itself. */
  readonly costs?: CostProfile
  /** Takes what passes the points as well. */
  readonly capture?: Capture
  /** What is compared, where that is not all that was sent. */
  readonly select?: Readonly<Record<'kernel' | 'ours', Select>>
}

/** Frames of one point of one probe; of `kernel` transfers are reduced already. */
export type Select = (
  frames: readonly TextFrame[],
  point: PointName,
  probe: Probe,
) => readonly TextFrame[]

/** Of a transfer the two sides are cut alike, as far as they can be: see alignTransfers. */
export type RunPart = Part & Partial<AlignedTransfers>

export interface SchemeRun {
  readonly lab: Lab
  readonly parts: readonly RunPart[]
  readonly configuredMacs: readonly string[]
  /** What the programs said, by probe. */
  readonly said: ReadonlyMap<Probe, readonly string[]>
  /** Frames of ours outside the time of any capture. */
  readonly unseen: readonly TextFrame[]
  /** Created minus ended minus held. */
  readonly imbalance: number
}

function goldenFile(scheme: string, name: string): URL {
  return new URL(`../golden/${scheme}/${name}.txt`, import.meta.url)
}

export function goldenText(scheme: string, name: string): string {
  return readFileSync(goldenFile(scheme, name), 'utf8')
}

/** The lines of log.txt, by probe. */
export function goldenLog(scheme: string): Map<Probe, string[]> {
  const sections = goldenText(scheme, 'log').split(/^== /m).slice(1)
  return new Map(
    sections.map((section) => {
      const [probe, ...lines] = section.trimEnd().split('\n')
      return [probe as Probe, lines]
    }),
  )
}

function recordings(scheme: string, probes: readonly Probe[]): Recording[] {
  return probes
    .filter((probe) => existsSync(goldenFile(scheme, `${probe}-underlay`)))
    .map((probe) => {
      const seen = POINTS.filter((point) => existsSync(goldenFile(scheme, `${probe}-${point}`)))
      const framesAt = (point: PointName) => parseGolden(goldenText(scheme, `${probe}-${point}`))
      const points = Object.fromEntries(seen.map((point) => [point, framesAt(point)]))
      const said = goldenLog(scheme).get(probe)?.join('\n') ?? ''
      const errors = Number(/\+(\d+) errors/.exec(said)?.[1] ?? 0)
      return { probe, points: points as PerPoint<TextFrame[]>, errors }
    })
}

/** Simulated time of the scheme's time 0. */
function originOf(scheme: string): number {
  const epoch = /epoch (\d+)\.(\d{6})/.exec(goldenText(scheme, 'ping-underlay'))!
  return (Number(epoch[1]) - BOOT_EPOCH) * SECOND + Number(epoch[2]) * 1e6
}

const EVERYTHING = {
  kernel: (frames: readonly TextFrame[]) => frames,
  ours: (frames: readonly TextFrame[]) => frames,
}

/** Builds the scheme's lab and runs `probes` in it. */
export function runScheme(
  scheme: string,
  build: (lab: Lab) => Setup,
  probes: readonly Probe[],
  { seed, rest = 5, lead = 1, capture, costs, select = EVERYTHING }: RunOptions,
): SchemeRun {
  const origin = originOf(scheme)
  const kernel = recordings(scheme, probes)
  const start = Math.min(
    ...kernel.flatMap(({ points }) => framesOf(points).map(({ time }) => time)),
  )
  const at = origin + (start - lead) * SECOND
  const lab = new Lab({ seed, at, ...(costs === undefined ? {} : { costs }) })
  const setup = build(lab)
  lab.switchOffloadsOff()
  const recorders = tapAll(lab, setup, capture)
  const said = new Map<Probe, () => string[]>()
  for (const recording of kernel) {
    said.set(recording.probe, schedule(lab, setup, recording, origin))
  }
  const windows = kernel.map((recording) => ({ ...recording, ...windowOf(recording) }))
  lab.simulator.run(origin + (windows[windows.length - 1]!.to + rest) * SECOND)
  const timeOf = (seconds: number) => origin + seconds * SECOND
  const parts = windows.flatMap(({ probe, points, from, to }): RunPart[] =>
    POINTS.filter((point) => points[point] !== undefined).map((point) => {
      const name = `${probe}-${point}`
      const kernel = select.kernel(points[point]!, point, probe)
      const seen = recorders[point]!.between(timeOf(from), timeOf(to), origin)
      const ours = select.ours(seen, point, probe)
      if (probe !== 'tcp200k') return { name, kernel, ours }
      if (costs === undefined) return { name, ...alignTransfers(kernel, reduceTransfer(ours)) }
      // By itself it meets cold caches, which in the lab other probes had filled.
      const [theirs, own] = [kernel.filter(isNoArp), reduceTransfer(ours.filter(isNoArp))]
      return { name, ...alignTransfers(theirs, own, true) }
    }),
  )
  // After the last capture the lab was taken down.
  const unseen = Object.values(recorders).flatMap((recorder) =>
    recorder
      .between(0, timeOf(windows[windows.length - 1]!.to), origin)
      .filter(({ time }) => !windows.some(({ from, to }) => time >= from && time < to)),
  )
  return {
    lab,
    parts,
    configuredMacs: lab.configuredMacs,
    said: new Map([...said].map(([probe, lines]) => [probe, lines()])),
    unseen,
    imbalance: lab.ledger.imbalance(),
  }
}

function isNoArp({ layers }: TextFrame): boolean {
  return layers[1]?.protocol !== 'arp'
}

function framesOf(points: Recording['points']): TextFrame[] {
  return Object.values(points).flat()
}

function tapAll(lab: Lab, { points }: Setup, capture?: Capture): PerPoint<Recorder> {
  const recorders: PerPoint<Recorder> = {}
  for (const name of POINTS) {
    const point = points[name]
    if (point === undefined) continue
    const recorder = new Recorder()
    recorders[name] = recorder
    lab.tap(...point, recorder)
    if (capture !== undefined) lab.tap(...point, capture.interface(name))
  }
  return recorders
}

/** When the kernel's captures ran, seconds. */
function windowOf({ probe, points }: Recording): { from: number; to: number } {
  const times = framesOf(points).map(({ time }) => time)
  const tail = probe === 'udp100' || probe === 'udp4000' ? UDP_TAIL : TAIL
  return { from: Math.min(...times) - LEAD, to: Math.max(...times) + tail }
}
