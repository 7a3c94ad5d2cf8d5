/** ARP and neighbour states with the lab's timers, queue limits and states. */
import { describe, expect, it } from 'vitest'
import type { Neighbour } from '../../src/stack/neighbour.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { mac } from '../../src/wire/mac-address.ts'
import { Recorder, type TextFrame } from '../golden/text.ts'
import { Lab } from '../lab/lab.ts'
import { canPing, PingRun, udpServer } from '../lab/probes.ts'
import { stationMac, stations } from '../lab/stations.ts'

const SECOND = 1e12
const MISSING = '10.9.0.77'
/** 250 jiffies of 4 ms, which the timer wheel rounds up to a multiple of eight. */
const RETRANS_LEAST = 1
const RETRANS_MOST = 1.032

function twoStations(seed = 'stations'): Lab {
  const lab = new Lab({ seed, at: SECOND })
  stations(lab, 2)
  return lab
}

function neighbour(lab: Lab, node: string, address: string): Neighbour {
  return lab.namespace(node).neighbours.lookup(lab.device(node, 'eth0'), ipv4(address))!
}

function record(lab: Lab, node: string): Recorder {
  const recorder = new Recorder()
  lab.tap(node, 'eth0', recorder)
  return recorder
}

function arpOf(frames: readonly TextFrame[]): { time: number; op: string; isUnicast: boolean }[] {
  return frames
    .filter(({ layers }) => layers[1]?.protocol === 'arp')
    .map(({ time, layers: [ethernet, arp] }) => ({
      time,
      op: arp!.fields.get('op')!,
      isUnicast: ethernet!.fields.get('dst') !== 'ff:ff:ff:ff:ff:ff',
    }))
}

describe('a neighbour that is not there', () => {
  const runs = Array.from({ length: 40 }, (_, seed) => {
    const lab = twoStations(String(seed))
    const start = lab.simulator.now
    const recorder = record(lab, 's1')
    const times = [0, 1.02, 2.04].map((time) => start + time * SECOND)
    const ping = new PingRun(lab, 's1', { destination: MISSING, times, oneMoreAtAnswer: true })
    lab.run(3.1 * SECOND)
    const failedAt = (neighbour(lab, 's1', MISSING).updated - start) / SECOND
    const linesThen = ping.lines()
    lab.run(5 * SECOND)
    const arp = arpOf(recorder.between(0, Infinity, start)).map(({ time }) => time)
    return { arp, failedAt, linesThen, lines: ping.lines(), imbalance: lab.ledger.imbalance() }
  })

  it('is asked for three times, 1.00 to 1.03 s apart', () => {
    for (const { arp } of runs) {
      const [first, second, third] = arp as [number, number, number]
      expect(first).toBe(0)
      expect(second).toBeGreaterThanOrEqual(RETRANS_LEAST)
      expect(second).toBeLessThanOrEqual(RETRANS_MOST)
      // The second request is sent on a multiple of eight jiffies: from there it is 256.
      expect(third - second).toBeCloseTo(1.024, 9)
    }
    const seconds = runs.map(({ arp }) => arp[1]!)
    expect(Math.max(...seconds) - Math.min(...seconds)).toBeGreaterThan(0.02)
  })

  it('has failed after 3.05 to 3.08 s, when each waiting packet is reported from here', () => {
    for (const { arp, linesThen } of runs) {
      // The packet that follows starts a new cycle at once.
      expect(arp[3]! - arp[2]!).toBeCloseTo(1.024, 9)
      expect(arp[3]).toBeGreaterThanOrEqual(3.048)
      expect(arp[3]).toBeLessThanOrEqual(3.08)
      expect(linesThen.slice(0, 3)).toEqual(
        [1, 2, 3].map((n) => `From 10.9.0.1 icmp_seq=${n} Destination Host Unreachable`),
      )
      expect(arp).toHaveLength(6)
    }
  })

  it('loses nothing from the books', () => {
    expect(runs.map(({ imbalance }) => imbalance)).toEqual(runs.map(() => 0))
    for (const { lines } of runs)
      expect(lines.at(-1)).toContain('4 packets transmitted, 0 received')
  })
})

describe('the queue of an unresolved neighbour', () => {
  /** A burst while s2 does not answer; it does at the second request. */
  function burst(bytes: number, count: number) {
    const lab = twoStations()
    const server = udpServer(lab, 's2', 6000)
    const answering = lab.device('s2', 'eth0')
    answering.noArp = true
    const arrivals: number[] = []
    // As the lab's program: a socket each, so that no socket's send buffer is the limit.
    const { sockets } = lab.namespace('s1')
    for (let i = 0; i < count; i++) sockets.openUdp()!.sendTo(ipv4('10.9.0.2'), 6000, bytes, i + 1)
    lab.run(0.5 * SECOND)
    answering.noArp = false
    answering.tap = {
      frame: (time, frame) => {
        if (frame.destinationPort === 6000) arrivals.push(time)
      },
    }
    lab.run(2 * SECOND)
    return { lab, server, arrivals }
  }

  it.each([
    [64, 500, 256],
    [64, 1500, 256],
    [1400, 500, 92],
  ])('of %i bytes, %i sent: the last %i arrive', (bytes, count, delivered) => {
    const { lab, server, arrivals } = burst(bytes, count)
    expect(server.packets).toBe(delivered)
    const last = Array.from({ length: delivered }, (_, i) => count - delivered + 1 + i)
    expect(server.sequences).toEqual(last)
    expect(new Set(arrivals).size).toBe(1)
    expect(lab.ledger.dropsByReason().get('neighbour_queue_full')).toBe(count - delivered)
    expect(lab.ledger.imbalance()).toBe(0)
  })
})

describe('states of a neighbour in use', () => {
  it('goes from REACHABLE to STALE, by use to DELAY, and by a unicast request back', () => {
    const lab = twoStations()
    const start = lab.simulator.now
    const recorder = record(lab, 's1')
    expect(canPing(lab, 's1', '10.9.0.2')).toBe(true)
    const states: { state: string; time: number }[] = []
    let usedAt = 0
    const watch = () => {
      const { state } = neighbour(lab, 's1', '10.9.0.2')
      const time = (lab.simulator.now - start) / SECOND
      if (states.at(-1)?.state !== state) states.push({ state, time })
      if (state !== 'STALE' || usedAt !== 0) return
      usedAt = time
      // Sent at once, by the address that is in doubt.
      const run = new PingRun(lab, 's1', { destination: '10.9.0.2', times: [lab.simulator.now] })
      lab.run(0)
      expect(run.replies).toBe(1)
    }
    for (let i = 0; i < 240; i++) {
      watch()
      lab.run(0.25 * SECOND)
    }
    expect(states.map(({ state }) => state).slice(0, 4)).toEqual([
      ...['REACHABLE', 'STALE', 'DELAY', 'REACHABLE'],
    ])
    // Half to one and a half times 30 s, on a timer that is rounded up to two seconds.
    expect(states[1]!.time).toBeGreaterThan(15)
    expect(states[1]!.time).toBeLessThan(47.5)
    const arp = arpOf(recorder.between(0, Infinity, start))
    const own = arp.filter(({ time }) => time > usedAt)
    expect(own.slice(0, 2).map(({ op, isUnicast }) => [op, isUnicast])).toEqual([
      ['1', true],
      ['2', true],
    ])
    expect(own[0]!.time - usedAt).toBeGreaterThanOrEqual(5)
    expect(own[0]!.time - usedAt).toBeLessThanOrEqual(5.26)
  })

  it('is asked back by unicast 5 s after it asked', () => {
    const lab = twoStations()
    const start = lab.simulator.now
    const recorder = record(lab, 's2')
    expect(canPing(lab, 's1', '10.9.0.2')).toBe(true)
    lab.run(6 * SECOND)
    const arp = arpOf(recorder.between(0, Infinity, start))
    expect(arp.map(({ op, isUnicast }) => [op, isUnicast])).toEqual([
      ['1', false],
      ['2', true],
      ['1', true],
      ['2', true],
    ])
    expect(arp[2]!.time).toBeGreaterThanOrEqual(5)
    expect(arp[2]!.time).toBeLessThanOrEqual(5.26)
    expect(neighbour(lab, 's2', '10.9.0.1').state).toBe('REACHABLE')
  })
})

describe('what an ARP packet may change', () => {
  it('never what an administrator has set', () => {
    const lab = twoStations()
    const lladdr = mac('02:00:00:00:00:99')
    lab.on('s2').neigh.replace({ dst: ipv4('10.9.0.1'), lladdr, dev: 'eth0', nud: 'PERMANENT' })
    lab.run(2 * SECOND)
    expect(canPing(lab, 's1', '10.9.0.2')).toBe(false)
    expect(neighbour(lab, 's2', '10.9.0.1')).toMatchObject({ state: 'PERMANENT', lo: 0x99 })
  })

  it('at once, if it is a request for us', () => {
    const lab = twoStations()
    expect(canPing(lab, 's1', '10.9.0.2')).toBe(true)
    lab.device('s1', 'eth0').setMac(lab.mac(stationMac(9)))
    lab.on('s1').neigh.delete(ipv4('10.9.0.2'), 'eth0')
    expect(canPing(lab, 's1', '10.9.0.2')).toBe(true)
    expect(neighbour(lab, 's2', '10.9.0.1').lo).toBe(9)
  })
})
