/** The probes of the kernel lab in the simulator: what ran, and what it said. */
import type { TextFrame } from '../golden/text.ts'
import { hostAddress, type Lab } from '../lab/lab.ts'
import { PingRun, type UdpCount, udpSend, udpServer } from '../lab/probes.ts'
import type { Setup } from '../lab/schemes.ts'
import { TcpClient, TcpServer } from '../lab/tcp-programs.ts'

export type Probe = 'ping' | 'udp100' | 'udp4000' | 'df1472' | 'tcp200k' | 'arpnx' | 'isol' | 'masq'

export const POINTS = ['underlay', 'ctr', 'br', 'gwbr'] as const
export type PointName = (typeof POINTS)[number]
export type PerPoint<T> = Partial<Record<PointName, T>>

const SECOND = 1e12

/** One probe as the kernel did it. */
export interface Recording {
  readonly probe: Probe
  readonly points: Readonly<PerPoint<readonly TextFrame[]>>
  /** How many errors ping was told of. */
  readonly errors: number
}

/** Schedules a probe's programs. @returns what gives the lines that they said. */
export function schedule(
  lab: Lab,
  setup: Setup,
  recording: Recording,
  origin: number,
): () => string[] {
  const { probe } = recording
  const { points } = recording
  const frames = (setup.source === 'h1' || probe === 'masq' ? points.underlay : points.ctr)!
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
    case 'tcp200k':
      return transferProbe(lab, setup, first)
    case 'arpnx':
      // Where a router takes the requests they were seen.
      return missingProbe(
        lab,
        setup,
        requests[0] ?? [first, first + 1.02 * SECOND, first + 2.04 * SECOND],
        recording.errors,
      )
    case 'isol': {
      const gateway = recording.points.gwbr
      if (gateway !== undefined) return overlayIsolationProbe(lab, setup, origin, gateway, first)
      return isolationProbe(lab, setup, [first, ...requests[0]!.slice(1)])
    }
    case 'masq':
      return outsideProbe(lab, setup, requests[0]!)
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

/** `nb tcpcli`, 0.2 s after `nb tcpsrv`. */
function transferProbe(lab: Lab, setup: Setup, time: number): () => string[] {
  const { source, destination, destinationAddress } = setup
  let client: TcpClient | undefined
  let server: TcpServer | undefined
  lab.simulator.callAt(time - 0.2 * SECOND, () => {
    server = new TcpServer(lab, destination, 5001)
  })
  lab.simulator.callAt(time, () => {
    client = new TcpClient(lab, source, destinationAddress, 5001, 200_000)
  })
  return () => [server!.line(), client!.line()]
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

/**
 * Pings of an address that nobody has; the fourth is due when the neighbour has failed. With one error
 * alone it was sent by another CPU between the first of the three errors and the second.
 */
function missingProbe(
  lab: Lab,
  { source, missing: destination }: Setup,
  times: readonly number[],
  errors: number,
): () => string[] {
  const isBetween = errors === 1
  const run = new PingRun(lab, source, { destination, times, oneMoreAtAnswer: !isBetween })
  if (isBetween) {
    const loopback = lab.namespace(source).loopback
    loopback.tap = {
      frame: () => {
        loopback.tap = null
        run.send()
      },
    }
  }
  return () => run.lines()
}

/** Pings of the other host, of which the neighbours are known already. */
function outsideProbe(lab: Lab, { source }: Setup, times: readonly number[]): () => string[] {
  const destination = hostAddress(2)
  new PingRun(lab, source, { destination, times: [times[0]! - 0.5 * SECOND] })
  const run = new PingRun(lab, source, { destination, times })
  return () => run.lines()
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
  lab.simulator.callAt(times.at(-1)! + 0.2 * SECOND, () => removeIntruder(lab, source))
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
  lab.simulator.callAt(last[1]! + 1.01 * SECOND, () => removeIntruder(lab, source))
  return () => runs.flatMap((run) => run.lines())
}

function removeIntruder(lab: Lab, source: string): void {
  const device = lab.device(source, 'eth0')
  lab.namespace(source).removeAddress(device, device.addresses[1]!)
}
