/** The probes of the kernel lab in the simulator, in the lab's order and with its gaps. */
import { existsSync, readFileSync } from 'node:fs'
import type { Capture } from '../../src/measure/capture.ts'
import type { Part } from '../golden/compare.ts'
import { parseGolden, Recorder, type TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import { PingRun, type UdpCount, udpSend, udpServer } from '../lab/probes.ts'
import type { Setup } from '../lab/schemes.ts'

export const PROBES = ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx', 'isol'] as const
export type Probe = (typeof PROBES)[number]

const POINTS = ['underlay', 'ctr', 'br', 'gwbr'] as const
type PointName = (typeof POINTS)[number]
type PerPoint<T> = Partial<Record<PointName, T>>

/** Simulated time 0 as Unix time: shortly before the first capture, with all schemes in one boot. */
const BOOT_EPOCH = 1795356800
const SECOND = 1e12
/** The captures began before their probes and ended 0.3 s after them; a UDP server waits a second. */
const LEAD = 0.25
const TAIL = 0.3
const UDP_TAIL = 1.3

/** One probe as the kernel did it. */
interface Recording {
  readonly probe: Probe
  readonly points: Readonly<PerPoint<readonly TextFrame[]>>
}

export interface RunOptions {
  readonly seed: string
  /** Seconds that the lab runs on after the last capture. */
  readonly rest?: number
  /** Takes what passes the points as well. */
  readonly capture?: Capture
}

export interface SchemeRun {
  readonly lab: Lab
  readonly parts: readonly Part[]
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
      return { probe, points: points as PerPoint<TextFrame[]> }
    })
}

/** Simulated time of the scheme's time 0. */
function originOf(scheme: string): number {
  const epoch = /epoch (\d+)\.(\d{6})/.exec(goldenText(scheme, 'ping-underlay'))!
  return (Number(epoch[1]) - BOOT_EPOCH) * SECOND + Number(epoch[2]) * 1e6
}

/** Builds the scheme's lab and runs `probes` in it. */
export function runScheme(
  scheme: string,
  build: (lab: Lab) => Setup,
  probes: readonly Probe[],
  { seed, rest = 5, capture }: RunOptions,
): SchemeRun {
  const origin = originOf(scheme)
  const kernel = recordings(scheme, probes)
  const start = Math.min(
    ...kernel.flatMap(({ points }) => framesOf(points).map(({ time }) => time)),
  )
  const lab = new Lab({ seed, at: origin + (start - 1) * SECOND })
  const setup = build(lab)
  const recorders = tapAll(lab, setup, capture)
  const said = new Map<Probe, () => string[]>()
  for (const recording of kernel) {
    said.set(recording.probe, schedule(lab, setup, recording, origin))
  }
  const windows = kernel.map((recording) => ({ ...recording, ...windowOf(recording) }))
  lab.simulator.run(origin + (windows[windows.length - 1]!.to + rest) * SECOND)
  const at = (seconds: number) => origin + seconds * SECOND
  const parts = windows.flatMap(({ probe, points, from, to }) =>
    POINTS.filter((point) => points[point] !== undefined).map((point) => ({
      name: `${probe}-${point}`,
      kernel: points[point]!,
      ours: recorders[point]!.between(at(from), at(to), origin),
    })),
  )
  // After the last capture the lab was taken down.
  const unseen = Object.values(recorders).flatMap((recorder) =>
    recorder
      .between(0, at(windows[windows.length - 1]!.to), origin)
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

/** Schedules a probe's programs. @returns what gives the lines that they said. */
function schedule(lab: Lab, setup: Setup, recording: Recording, origin: number): () => string[] {
  const { probe } = recording
  const frames = recording.points[setup.source === 'h1' ? 'underlay' : 'ctr']!
  const first = origin + frames[0]!.time * SECOND
  const requests = echoTimes(frames).map((times) => times.map((time) => origin + time * SECOND))
  switch (probe) {
    case 'ping':
      return pingProbe(lab, setup, [first, ...requests[0]!.slice(1)])
    case 'udp100':
      return udpProbe(lab, setup, 100, first)
    case 'udp4000':
      return udpProbe(lab, setup, 4000, first)
    case 'df1472':
      return dfProbe(lab, setup, requests)
    case 'arpnx': {
      const times = [first, first + 1.02 * SECOND, first + 2.04 * SECOND]
      const command = { destination: setup.missing, times, oneMoreAtAnswer: true }
      const run = new PingRun(lab, setup.source, command)
      return () => run.lines()
    }
    case 'isol': {
      const gateway = recording.points.gwbr
      if (gateway !== undefined) return overlayIsolationProbe(lab, setup, origin, gateway, first)
      return isolationProbe(lab, setup, [first, ...requests[0]!.slice(1)])
    }
    default:
      return probe satisfies never
  }
}

/** Seconds at which each ping process of a capture sent its requests. */
function echoTimes(frames: readonly TextFrame[]): number[][] {
  const times = new Map<string, number[]>()
  for (const { time, layers } of frames) {
    const icmp = layers.find(({ protocol }) => protocol === 'icmp')
    if (icmp?.fields.get('type') !== '8') continue
    const id = icmp.fields.get('id')!
    times.set(id, [...(times.get(id) ?? []), time])
  }
  return [...times.values()]
}

function pingProbe(lab: Lab, setup: Setup, times: number[]): () => string[] {
  const run = new PingRun(lab, setup.source, { destination: setup.destinationAddress, times })
  return () => run.lines()
}

function udpProbe(lab: Lab, setup: Setup, bytes: number, time: number): () => string[] {
  const { source, destination, destinationAddress } = setup
  let count: UdpCount | undefined
  let error: string | null = null
  lab.simulator.callAt(time, () => {
    const server = udpServer(lab, destination, 5002)
    count = server
    error = udpSend(lab, source, destinationAddress, 5002, bytes, 40000)
    lab.simulator.callAt(time + SECOND, server.close)
  })
  return () => [
    `{"sent":${error === null ? 1 : 0},"errors":${error === null ? 0 : 1}}`,
    // The lab's server had a buffer of 2048 bytes.
    `{"packets":${count!.packets},"bytes":${Math.min(count!.bytes, 2048)}}`,
  ]
}

/** Twice 1472 bytes, which only an MTU of 1500 takes, then once what fits. */
function dfProbe(lab: Lab, setup: Setup, requests: number[][]): () => string[] {
  const { source, destinationAddress: destination, mtu } = setup
  const fitting = requests[requests.length - 1]!
  // Refused requests leave no trace in a capture: they came a second apart before the third.
  const refused = [fitting[0]! - 1.05 * SECOND, fitting[0]! - 0.02 * SECOND]
  const big = new PingRun(lab, source, {
    destination,
    size: 1472,
    pmtu: 'do',
    times: requests.length > 1 ? requests[0]! : refused,
  })
  const small = new PingRun(lab, source, {
    destination,
    size: mtu - 28,
    pmtu: 'do',
    times: fitting,
  })
  return () => [...big.lines(), ...small.lines()]
}

function isolationProbe(lab: Lab, setup: Setup, times: number[]): () => string[] {
  const { source, other, intruder } = setup
  const destination = other!
  if (intruder === undefined) {
    const run = new PingRun(lab, source, { destination, times })
    return () => run.lines()
  }
  const attempt = new PingRun(lab, source, { destination, times: [times[0]! - 0.1 * SECOND] })
  lab.simulator.callAt(times[0]! - 0.05 * SECOND, () => {
    lab.on(source).addr.add(intruder, 'eth0')
  })
  const run = new PingRun(lab, source, { destination, times })
  return () => [...attempt.lines(), ...run.lines()]
}

/** Pings of the other network by the way out, of a neighbour there, and from an address of its own. */
function overlayIsolationProbe(
  lab: Lab,
  setup: Setup,
  origin: number,
  gateway: readonly TextFrame[],
  lastStart: number,
): () => string[] {
  const { source, other, intruder } = setup
  const [toOther, toNeighbour] = echoTimes(gateway)
  const at = (seconds: number) => origin + seconds * SECOND
  const ping = (destination: string, times: readonly number[]) => {
    const until = times[times.length - 1]! + SECOND
    return new PingRun(lab, source, { destination, times, until })
  }
  // The first request waited for ARP, which is the first frame; so did the first to the neighbour.
  const [, secondToOther] = toOther!
  const [firstToNeighbour, secondToNeighbour] = toNeighbour!
  const last = [lastStart, lastStart + 1.028 * SECOND]
  const runs = [
    ping(other!, [at(gateway[0]!.time), at(secondToOther!)]),
    ping('172.18.0.3', [at(firstToNeighbour!), at(secondToNeighbour!)]),
    ping(other!, last),
  ]
  lab.simulator.callAt(lastStart - 0.01 * SECOND, () => lab.on(source).addr.add(intruder!, 'eth0'))
  lab.simulator.callAt(last[1]! + 1.01 * SECOND, () => {
    const device = lab.device(source, 'eth0')
    lab.namespace(source).removeAddress(device, device.addresses[1]!)
  })
  return () => runs.flatMap((run) => run.lines())
}
