/** A cloud's network: no broadcast, no unknown MAC address, nobody who speaks for another. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { echo, type Station, udp, WireBench } from '../../test/wire-bench.ts'
import { MICROSECOND } from '../sim/units.ts'
import { Frame } from '../wire/frame.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { macHi, macLo } from '../wire/mac-address.ts'
import { CloudSwitch } from './cloud-switch.ts'

const FOREIGN = 0x02004200ac11

let bench: WireBench
let cloud: CloudSwitch
/** 10.0.0.1, 10.0.0.2 and 10.0.0.3. */
let stations: Station[]
let [a, b, c]: readonly (Station | undefined)[] = []

beforeEach(() => {
  bench = new WireBench()
  cloud = new CloudSwitch(bench.simulator, bench.ledger, 'cloud', MICROSECOND / 2)
  stations = [1, 2, 3].map((i) => {
    const port = cloud.addPort()
    const station = bench.station(port, 0)
    cloud.addStation(station.mac, ipv4(`10.0.0.${i}`), port, true)
    return station
  })
  ;[a, b, c] = stations
})
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

function to(mac: number) {
  return { dstHi: macHi(mac), dstLo: macLo(mac) }
}

function from(mac: number) {
  return { srcHi: macHi(mac), srcLo: macLo(mac) }
}

/** What each station heard of what `a` said. */
function heard(...frames: readonly Frame[]): number[] {
  a!.say(...frames)
  return stations.map((station) => station.frames().length)
}

describe('a frame', () => {
  it('to a NIC of the network is carried there alone, and nowhere else', () => {
    expect(a!.say(udp('10.0.0.1', '10.0.0.2', 8, to(b!.mac)))).toEqual([])
    expect(b!.take()).toEqual(['IP 10.0.0.1.4000 > 10.0.0.2.5000: UDP, length 8'])
    expect(c!.take()).toEqual([])
  })

  it('to a MAC address that the network does not know is dropped, not flooded', () => {
    expect(heard(udp('10.0.0.1', '10.0.0.2', 8, to(FOREIGN)))).toEqual([0, 0, 0])
    expect(bench.drops()).toEqual({ unknown_mac: 1 })
  })

  it.each([
    ['broadcast', 0xffffffffffff],
    ['multicast', 0x01005e000005],
  ])('by %s is dropped', (_, mac) => {
    expect(heard(udp('10.0.0.1', '255.255.255.255', 8, to(mac)))).toEqual([0, 0, 0])
    expect(bench.drops()).toEqual({ unknown_mac: 1 })
  })
})

describe('the source check', () => {
  const other = () => Object.assign(new Frame(), { etherType: 0x88b5, l3Length: 46 }, to(b!.mac))

  it.each([
    ['another MAC address', () => udp('10.0.0.1', '10.0.0.2', 8, to(b!.mac), from(FOREIGN))],
    ['another’s MAC address', () => udp('10.0.0.1', '10.0.0.2', 8, to(b!.mac), from(c!.mac))],
    ['another IP address', () => echo('10.20.0.1', '10.0.0.2', 8, to(b!.mac))],
    ['another’s IP address', () => echo('10.0.0.3', '10.0.0.2', 8, to(b!.mac))],
    ['what is neither IP nor ARP', other],
    ['ARP for another’s address', () => a!.isAt('10.0.0.3', '10.0.0.2', { to: b!.mac })],
    ['ARP with another MAC', () => a!.whoHas('10.0.0.2', '10.0.0.1', { sender: FOREIGN })],
  ])('drops %s', (_, make) => {
    expect(heard(make())).toEqual([0, 0, 0])
    expect(bench.drops()).toEqual({ source_check: 1 })
  })

  it('is done where the NIC’s own cable ends, not behind it', () => {
    const trunk = cloud.addPort('trunk')
    const far = bench.station(trunk, 0)
    cloud.addStation(FOREIGN, ipv4('10.0.0.9'), trunk, false)
    far.say(udp('10.0.0.9', '10.0.0.1', 8, to(a!.mac), from(FOREIGN)))
    expect(a!.take()).toHaveLength(1)
    expect(heard(udp('10.0.0.1', '10.0.0.9', 8, to(FOREIGN)))).toEqual([0, 0, 0])
    expect(far.take()).toHaveLength(1)
  })
})

describe('ARP', () => {
  it('is answered by the network itself: nobody else hears the question', () => {
    expect(a!.say(a!.whoHas('10.0.0.2', '10.0.0.1'))).toEqual([
      '02:00:00:00:0a:02 > 02:00:00:00:0a:01, ARP, Reply 10.0.0.2 is-at 02:00:00:00:0a:02, length 42',
    ])
    expect([b, c].flatMap((station) => station!.take())).toEqual([])
  })

  it('for an address that the network does not know gets no answer', () => {
    expect(heard(a!.whoHas('10.20.0.1', '10.0.0.1'))).toEqual([0, 0, 0])
    expect(bench.drops()).toEqual({ unknown_mac: 1 })
  })

  it('asks in vain whether an address is free that another has', () => {
    expect(a!.say(a!.whoHas('10.0.0.2', '0.0.0.0'))[0]).toContain('10.0.0.2 is-at')
    expect(a!.say(a!.whoHas('10.0.0.77', '0.0.0.0'))).toEqual([])
  })

  it('by unicast goes to its NIC', () => {
    expect(heard(a!.whoHas('10.0.0.2', '10.0.0.1', { to: b!.mac }))).toEqual([0, 1, 0])
    expect(b!.say(b!.isAt('10.0.0.2', '10.0.0.1', { to: a!.mac, target: a!.mac }))).toEqual([])
    expect(a!.take()).toHaveLength(1)
  })

  it('an announcement reaches nobody', () => {
    expect(heard(a!.isAt('10.0.0.1', '10.0.0.1', { to: 0xffffffffffff }))).toEqual([0, 0, 0])
    expect(bench.drops()).toEqual({ unknown_mac: 1 })
  })
})
