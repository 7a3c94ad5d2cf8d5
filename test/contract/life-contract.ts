/** What every scheme must do when containers, daemons, hosts and stores come and go. */
import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import type { Endpoint } from '../../src/schemes/contract.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { Bench, type Sections } from './bench.ts'
import { type ContractTest, type SchemeContract, sharedSections } from './scheme-contract.ts'

/** Most that a network may take to be whole again after what befell it. */
const HEALING = 120 * SECOND
/** Beyond the 20 s within which every scheme has its containers. */
const FAULT_AT = 30
const FAULT_END = 40

export function lifeContract(contract: SchemeContract): void {
  const { name, scheme, options = {}, store, settle, skip = [] } = contract
  const shared = sharedSections(contract)
  const NO_STORE = { test: 'store outage', reason: 'it has no store' } as const
  const reasons = store === undefined ? [...skip, NO_STORE] : skip
  const test = (key: ContractTest, title: string, body: () => void) => {
    const skipped = reasons.find((entry) => entry.test === key)
    it.skipIf(skipped !== undefined)(skipped ? `${title}: skipped, ${skipped.reason}` : title, body)
  }
  const bench = (...faults: Sections[]) => new Bench(scheme, options, { ...shared, faults }, settle)
  const isSkipped = (key: ContractTest) => skip.some((entry) => entry.test === key)
  const hasFar = !isSkipped('cross host')
  const hasNear = !isSkipped('same host')
  /** Hosts whose further containers `a` is to reach. */
  const hosts = [...(hasNear ? ['h1'] : []), ...(hasFar ? ['h2'] : [])]

  /** Containers of the file, and whom `a` is to reach. */
  const pairs = (lab: Bench) => {
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    const near = hasNear ? [lab.endpoint('b')] : []
    return { a, c, near, peers: [...near, ...(hasFar ? [c] : [])] }
  }

  describe(`the contract of schemes, coming and going: ${name}`, () => {
    test('sizes', 'UDP and TCP of every size arrive whole, up to and beyond the MTU', () => {
      const lab = bench()
      const { a, peers } = pairs(lab)
      const { mtu } = a.namespace.device(a.device)!
      for (const peer of peers) {
        for (const bytes of [0, 1, 1000, mtu - 28, mtu - 27, 4000, 65_507]) {
          expect(lab.sendUdp(a.namespace, peer, bytes), `UDP, ${bytes} bytes`).toBe(bytes)
        }
        for (const bytes of [1, mtu - 40, mtu - 39, 200_000]) {
          expect(lab.sendTcp(a.namespace, peer, bytes), `TCP, ${bytes} bytes`).toBe(bytes)
        }
      }
      expect(lab.world.ledger.imbalance()).toBe(0)
    })

    test('many containers', 'thirty more containers of each host reach the first', () => {
      const lab = bench()
      const { a } = pairs(lab)
      const more = hosts.flatMap((host) =>
        Array.from({ length: 30 }, (_, i) => lab.mustAttach(`${host}x${i}`, host)),
      )
      const addresses = more.map(({ address }) => address)
      expect(new Set(addresses).size).toBe(more.length)
      for (const each of more) expect(lab.reaches(each.namespace, a.address)).toBe(true)
      expect(lab.world.ledger.imbalance()).toBe(0)
    })

    test('churn', 'containers that come and go do not disturb the others', () => {
      const lab = bench()
      const { a, peers } = pairs(lab)
      for (let i = 0; i < 5; i++) {
        const gone = hosts.map((host) => ({
          host,
          endpoint: lab.mustAttach(`${host}y${i}`, host),
        }))
        for (const peer of peers) expect(lab.reaches(a.namespace, peer.address)).toBe(true)
        for (const { host, endpoint } of gone) lab.detach(endpoint, host)
        for (const peer of peers) expect(lab.reaches(a.namespace, peer.address)).toBe(true)
      }
      expect(lab.world.ledger.imbalance()).toBe(0)
    })

    test('daemon restart', 'a daemon that was killed and is back serves old and new', () => {
      const lab = bench(
        { at: `${FAULT_AT}s`, until: `${FAULT_END}s`, crash: 'h1/net' },
        { at: `${FAULT_AT}s`, until: `${FAULT_END}s`, stop: 'h2/net' },
      )
      const { a, peers } = pairs(lab)
      lab.runTo(FAULT_END * SECOND)
      const later = lab.mustAttachWithin(HEALING, 'later', hosts.at(-1)!)
      for (const peer of [...peers, later]) {
        expect(lab.reachesWithin(HEALING, a.namespace, () => peer)).toBe(true)
      }
    })

    test('host crash', 'a host that loses its power harms no other, and comes back', () => {
      const lab = bench({ at: `${FAULT_AT}s`, until: `${FAULT_END}s`, crash: 'h2' })
      const { a, near } = pairs(lab)
      lab.runTo((FAULT_AT + 1) * SECOND)
      expect(lab.world.endpoints.get('c')).toEqual([])
      for (const b of near) {
        expect(lab.reaches(a.namespace, b.address)).toBe(true)
        const meanwhile = lab.mustAttachWithin(HEALING, 'meanwhile', 'h1')
        expect(lab.reaches(meanwhile.namespace, a.address)).toBe(true)
      }
      lab.runTo(FAULT_END * SECOND)
      const back = () => lab.world.endpoints.get('c')?.[0]
      if (hasFar) {
        expect(lab.reachesWithin(HEALING, a.namespace, back)).toBe(true)
        expect(lab.reachesWithin(HEALING, back()!.namespace, () => a)).toBe(true)
      }
      expect(lab.world.ledger.imbalance()).toBe(0)
    })

    test('move', 'a container that moves to another host is reached there', () => {
      const [name, to] = hasFar ? ['b', 'h2'] : ['c', 'h1']
      const lab = bench({ at: `${FAULT_AT}s`, move: name, to })
      const { a } = pairs(lab)
      lab.runTo(FAULT_AT * SECOND + 1)
      const moved = () => lab.world.endpoints.get(name)?.[0]
      expect(lab.reachesWithin(HEALING, a.namespace, moved)).toBe(true)
      expect(moved()!.namespace.kernel.name).toBe(to)
      expect(lab.world.ledger.imbalance()).toBe(0)
    })

    test('leave', 'a host that leaves takes its traces along, and may come back', () => {
      const lab = bench({ at: `${FAULT_AT}s`, until: `${FAULT_END + 60}s`, leave: 'h2' })
      const { a, c, peers } = pairs(lab)
      for (const peer of peers) expect(lab.reaches(a.namespace, peer.address)).toBe(true)
      lab.runTo((FAULT_END + 50) * SECOND)
      expect(lab.world.endpoints.get('c')).toEqual([])
      expect(rowsOf(lab, c)).toEqual([])
      lab.runTo((FAULT_END + 60) * SECOND)
      const back = () => lab.world.endpoints.get('c')?.[0]
      expect(lab.reachesWithin(HEALING, a.namespace, back)).toBe(true)
    })

    test(
      'store outage',
      'what talks goes on without the store; new containers come after it',
      () => {
        const at = { at: `${FAULT_AT}s`, until: `${FAULT_END}s` }
        const lab = bench({ ...at, crash: 'store-1' })
        const { a, peers } = pairs(lab)
        lab.runTo((FAULT_AT + 5) * SECOND)
        for (const peer of peers) expect(lab.reaches(a.namespace, peer.address)).toBe(true)
        lab.runTo(FAULT_END * SECOND)
        const later = lab.mustAttachWithin(HEALING, 'later', 'h2')
        expect(lab.reachesWithin(HEALING, a.namespace, () => later)).toBe(true)
        expect(lab.world.ledger.imbalance()).toBe(0)
      },
    )
  })
}

/** What the first host knows of a container of the second, but for what the kernel learned by itself. */
function rowsOf(lab: Bench, { address, mac }: Endpoint): string[] {
  const root = lab.root('h1')
  const of = formatIpv4(address)
  const byHand = [...showNeighbours(root).lines, ...showFdb(root).lines].filter(
    (line) => /permanent/i.test(line) && (line.includes(of) || line.includes(formatMac(mac))),
  )
  return [...byHand, ...showRoutes(root).lines.filter((line) => line.startsWith(of))]
}
