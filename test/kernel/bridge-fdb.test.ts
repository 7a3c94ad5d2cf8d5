/** A bridge's forwarding database under a flood of addresses: the lab's rows, number by number. */
import { describe, expect, it } from 'vitest'
import type { Bridge } from '../../src/host/bridge.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { Lab } from '../lab/lab.ts'
import { countDuring, macgen, macsend, macto, stationMac, stations } from '../lab/stations.ts'

const SECOND = 1e12
const BROADCAST = 'ff:ff:ff:ff:ff:ff'
const UNKNOWN = '02:ff:00:00:00:99'

function learned(lab: Lab, bridge: Bridge): number {
  return bridge.fdbEntries(lab.simulator.now).filter(({ state }) => state === '').length
}

function announce(lab: Lab, station: number): void {
  macsend(lab, `s${station}`, stationMac(station), BROADCAST, 1)
}

/** s1 attacks, s2 was known before, s3 sends, s4 observes, s5 comes late. */
function attack(limit: number, sources: number): object {
  const lab = new Lab()
  const bridge = stations(lab, 5, { fdbMaxLearned: limit })
  announce(lab, 2)
  announce(lab, 3)
  const learnedBefore = learned(lab, bridge)
  const attackSeen = countDuring(lab, 's4', () => macgen(lab, 's1', sources, stationMac(3)))
  const learnedAfter = learned(lab, bridge)
  const from3To = (mac: string) =>
    countDuring(lab, 's4', () => macsend(lab, 's3', stationMac(3), mac, 1000))
  const toKnown = from3To(stationMac(2))
  announce(lab, 5)
  const rows = bridge.fdbEntries(lab.simulator.now)
  const newcomerLearned = rows.filter(({ mac }) => formatMac(mac) === stationMac(5)).length
  const toNewcomer = from3To(stationMac(5))
  const toUnknown = from3To(UNKNOWN)
  const toAttackers = countDuring(lab, 's4', () => macto(lab, 's3', stationMac(3), sources))
  expect(lab.ledger.imbalance()).toBe(0)
  return {
    ...{ learnedBefore, learnedAfter, attackSeen, toKnown },
    ...{ toNewcomer, newcomerLearned, toUnknown, toAttackers },
  }
}

describe('a flood of source addresses', () => {
  it.each([
    [0, 5000, 2, 5002, 0, 0, 0, 1, 1000, 0],
    [1024, 500, 2, 502, 0, 0, 0, 1, 1000, 0],
    [1024, 5000, 2, 1024, 0, 0, 1000, 0, 1000, 3978],
    [0, 20000, 2, 20002, 0, 0, 0, 1, 1000, 0],
  ])(
    'limit %i, %i sources',
    (limit, sources, before, after, seen, known, newcomer, isLearned, unknown, attackers) => {
      expect(attack(limit, sources)).toEqual({
        learnedBefore: before,
        learnedAfter: after,
        attackSeen: seen,
        toKnown: known,
        toNewcomer: newcomer,
        newcomerLearned: isLearned,
        toUnknown: unknown,
        toAttackers: attackers,
      })
    },
  )
})

describe('ageing', () => {
  it('forgets a silent station after the ageing time, in the kernel 10.15 s with a look each 0.1 s', () => {
    const lab = new Lab()
    const bridge = stations(lab, 5, { ageing: 10 * SECOND })
    announce(lab, 2)
    let waited = 0
    for (; learned(lab, bridge) > 0 && waited < 20; waited += 0.1) lab.run(0.1 * SECOND)
    expect(waited).toBeGreaterThanOrEqual(9.95)
    expect(waited).toBeLessThanOrEqual(10.2)
  })

  it('gives the slot of a station that aged out to the attacker', () => {
    const lab = new Lab()
    const bridge = stations(lab, 5, { ageing: 3 * SECOND, fdbMaxLearned: 1024 })
    announce(lab, 2)
    announce(lab, 3)
    for (let round = 0; round < 5; round++) {
      macgen(lab, 's1', 5000, stationMac(3))
      announce(lab, 3)
      lab.run(SECOND)
    }
    announce(lab, 2)
    const flooded = countDuring(lab, 's4', () =>
      macsend(lab, 's3', stationMac(3), stationMac(2), 1000),
    )
    expect({ flooded, learned: learned(lab, bridge) }).toEqual({ flooded: 1000, learned: 1024 })
  })
})

it('moves a station to another port at once', () => {
  const lab = new Lab()
  const bridge = stations(lab, 5)
  const portOf2 = () => {
    const rows = bridge.fdbEntries(lab.simulator.now)
    return rows.find(({ mac }) => formatMac(mac) === stationMac(2))?.device.name
  }
  announce(lab, 2)
  expect(portOf2()).toBe('p2')
  macsend(lab, 's1', stationMac(2), BROADCAST, 1)
  expect(portOf2()).toBe('p1')
})
