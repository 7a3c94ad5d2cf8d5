import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { AttachError, type Endpoint, type Scheme } from '../../src/schemes/contract.ts'
import { Schemes } from '../../src/schemes/registry.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { Run } from '../../src/study/run.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { Bench, contractScenario, type Sections } from './bench.ts'

/** What every scheme must do; a skip of one names its reason. */
export const CONTRACT_TESTS = [
  'same host',
  'cross host',
  'host to own container',
  'own addresses',
  'taken address',
  'exhaustion',
  'detach',
  'unsent',
  'mtu',
  'jumbo',
  'daemon crash',
  'sizes',
  'many containers',
  'churn',
  'daemon restart',
  'host crash',
  'move',
  'leave',
  'store outage',
] as const

export type ContractTest = (typeof CONTRACT_TESTS)[number]

export interface SchemeContract {
  /** Scheme and variant. */
  readonly name: string
  readonly scheme: Scheme
  /** Keys of the network beside `scheme`. */
  readonly options?: Sections
  /** Those that leave each host a handful of addresses. */
  readonly small?: Sections
  /** The scenario's store, of one member; its containers are attached within 20 s. */
  readonly store?: Sections
  /** Picoseconds from a container's attachment until all reach it, where daemons work on meanwhile. */
  readonly settle?: number
  /** Where a host has room for one container: those of the file are `a` and `c` alone. */
  readonly perHost?: 1
  /** When the containers are attached, of a network that needs no store. */
  readonly startsWithin?: string
  readonly skip?: readonly { readonly test: ContractTest; readonly reason: string }[]
}

/** What the scenarios of a contract have beside the network. */
export function sharedSections({ store, perHost }: SchemeContract): Sections {
  const lone = [
    { name: 'a', host: 'h1' },
    { name: 'c', host: 'h2' },
  ]
  return {
    ...(store === undefined ? {} : { store }),
    ...(perHost === undefined ? {} : { containers: lone }),
  }
}

/** One suite for all schemes, so that what holds for one is known to hold for the others. */
export function schemeContract(contract: SchemeContract): void {
  const { name, scheme, options = {}, small = options, store, settle, skip = [] } = contract
  const shared = sharedSections(contract)
  const at = store === undefined ? (contract.startsWithin ?? '1s') : '20s'
  const bench = () => new Bench(scheme, options, shared, settle)

  const test = (key: ContractTest, title: string, body: () => void) => {
    const skipped = skip.find((entry) => entry.test === key)
    it.skipIf(skipped !== undefined)(skipped ? `${title}: skipped, ${skipped.reason}` : title, body)
  }

  describe(`the contract of schemes: ${name}`, () => {
    test('same host', 'two containers of one host reach each other', () => {
      const { a, b, lab } = containers(bench())
      expect(lab.ping(a.namespace, b.address)).toBe(true)
      expect(lab.ping(b.namespace, a.address)).toBe(true)
      expectBalance(lab)
    })

    test('cross host', 'two containers of two hosts reach each other', () => {
      const { a, c, lab } = containers(bench())
      expect(lab.ping(a.namespace, c.address)).toBe(true)
      expect(lab.ping(c.namespace, a.address)).toBe(true)
      expectBalance(lab)
    })

    test('host to own container', 'a host reaches its own container', () => {
      const { a, lab } = containers(bench())
      expect(lab.ping(lab.root('h1'), a.address)).toBe(true)
      expectBalance(lab)
    })

    test('own addresses', 'two containers have different addresses', () => {
      const { a, b } = containers(bench())
      expect(a.address).not.toBe(b.address)
      expect(a.mac).not.toBe(b.mac)
      expect(a.namespace.isLocal(a.address)).toBe(true)
    })

    test('taken address', 'an address that is taken is an AttachError, and harms nobody', () => {
      const { a, b, lab } = containers(bench())
      const before = hostState(lab, 'h1')
      const refusal = lab.attach('x', 'h1', a.address)
      expect(refusal).toBeInstanceOf(AttachError)
      expect((refusal as AttachError).message).toContain(formatIpv4(a.address))
      expect(hostState(lab, 'h1')).toEqual(before)
      expect(lab.ping(b.namespace, a.address)).toBe(true)
      expectBalance(lab)
    })

    test('exhaustion', 'more containers than addresses are an AttachError each', () => {
      const lab = new Bench(scheme, small, shared, settle)
      const attached = attachUntilFull(lab)
      const before = hostState(lab, 'h1')
      for (let i = 0; i < 3; i++) expect(lab.attach(`late${i}`, 'h1')).toBeInstanceOf(AttachError)
      expect(hostState(lab, 'h1')).toEqual(before)
      const given = attached.map(({ address }) => address)
      expect(new Set(given).size).toBe(given.length)
      // The one address that is given back is the one that the next container gets.
      const last = attached.at(-1)!
      lab.detach(last, 'h1')
      expect(lab.mustAttach('next', 'h1').address).toBe(last.address)
      expectBalance(lab)
    })

    test('detach', 'a container that goes leaves nothing behind', () => {
      const { a, lab } = containers(bench())
      const before = hostState(lab, 'h1')
      const gone = lab.mustAttach('gone', 'h1')
      expect(lab.ping(gone.namespace, a.address)).toBe(true)
      lab.detach(gone, 'h1')
      expectGone(lab, gone)
      expect(hostState(lab, 'h1')).toEqual(before)
      expect(lab.ping(a.namespace, gone.address)).toBe(false)
      const successor = lab.mustAttach('successor', 'h1', gone.address)
      expect(lab.ping(successor.namespace, a.address)).toBe(true)
      expectBalance(lab)
    })

    test('unsent', 'what a container was about to send ends with it', () => {
      const { lab } = containers(bench())
      const gone = lab.mustAttach('gone', 'h1')
      const nobody = gone.address ^ (1 << (32 - gone.length - 2))
      const socket = gone.namespace.sockets.openUdp()!
      for (let i = 0; i < 3; i++) socket.sendTo(nobody, 9, 100)
      expect(lab.world.ledger.held()).toBeGreaterThan(0)
      lab.detach(gone, 'h1')
      lab.run(10e12)
      expect(lab.world.ledger.held()).toBe(0)
      expectBalance(lab)
    })

    const far = (lab: Bench) => lab.endpoint(has(skip, 'cross host') ? 'b' : 'c')

    test('mtu', 'packets of the MTU pass whole, one byte more is refused at the sender', () => {
      const { a, lab } = containers(bench())
      const { mtu } = a.namespace.device(a.device)!
      const to = far(lab).address
      expect(lab.pingOf(a.namespace, to, mtu)).toBe('answered')
      expect(lab.pingOf(a.namespace, to, mtu + 1)).toBe('refused')
      expect(lab.world.ledger.fragments).toBe(0)
      expectBalance(lab)
    })

    test('jumbo', 'the MTU is what the cables leave after what the tunnel adds', () => {
      for (const mtu of [1500, 9000]) {
        const fabric = { racks: 1, hostsPerRack: 2, links: { mtu } }
        const workload = [{ kind: 'ping', from: 'a', to: 'c', count: 3, interval: '10ms', at }]
        const more = { ...shared, fabric, workload }
        const run = new Run(contractScenario(scheme, options, more), registry(), { capture: false })
        while (!run.advance(1e6));
        const [network] = run.result().networks
        expect(network!.innerMtu! + network!.bytesAdded).toBe(mtu)
      }
    })

    test('daemon crash', 'containers go on without the daemon', () => {
      for (const end of ['stop', 'crash'] as const) {
        const { a, b, lab } = containers(bench())
        lab.daemon('h1')[end]()
        lab.daemon('h2')[end]()
        expect(lab.ping(a.namespace, b.address)).toBe(true)
        if (!has(skip, 'cross host')) {
          expect(lab.ping(a.namespace, lab.endpoint('c').address)).toBe(true)
        }
        expectBalance(lab)
      }
    })

    it('does the same on the same seed, byte for byte, under load and loss', () => {
      const first = underLoad(scheme, options, shared, at)
      const second = underLoad(scheme, options, shared, at)
      expect(second.json).toBe(first.json)
      expect(Buffer.compare(second.pcapng, first.pcapng)).toBe(0)
      expect(first.frames).toBeGreaterThan(100)
    })

    it('is known to shared code by nothing but what it says of itself', () => {
      const known = underLoad(scheme, options, shared, at)
      const alias = { ...scheme, name: 'somebody-else' }
      const unknown = underLoad(alias, options, shared, at)
      const renamed = known.json.replaceAll(`"scheme":"${scheme.name}"`, '"scheme":"somebody-else"')
      expect(unknown.json).toBe(renamed)
      expect(Buffer.compare(unknown.pcapng, known.pcapng)).toBe(0)
    })

    function registry(): Schemes {
      return new Schemes([scheme])
    }
  })
}

function has(skip: NonNullable<SchemeContract['skip']>, test: ContractTest): boolean {
  return skip.some((entry) => entry.test === test)
}

/** `b` is the next one: on the host of `a`, where that has room for it. */
function containers(lab: Bench) {
  const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
  return { lab, a, b: lab.world.endpoints.has('b') ? lab.endpoint('b') : c, c }
}

function expectBalance(lab: Bench): void {
  lab.run(10e12)
  expect(lab.world.ledger.imbalance()).toBe(0)
  // Daemons and stores go on talking: between their packets nothing is held.
  for (let i = 0; i < 100 && lab.world.ledger.held() > 0; i++) lab.run(MILLISECOND)
  expect(lab.world.ledger.held()).toBe(0)
}

/** What an administrator sees of a host, but for the traffic of the moment. */
function hostState(lab: Bench, host: string) {
  const root = lab.root(host)
  return {
    devices: root.devices.map(({ name, up, mtu }) => `${name} ${up} ${mtu}`),
    routes: showRoutes(root).lines,
    rules: root.filter?.save() ?? '',
  }
}

function expectGone(lab: Bench, { namespace, device, address, mac }: Endpoint): void {
  expect(namespace.device(device)).toBeUndefined()
  expect(namespace.isLocal(address)).toBe(false)
  expect(showRoutes(namespace).lines).toEqual([])
  expect(showNeighbours(namespace).lines).toEqual([])
  const text = formatMac(mac)
  expect(showFdb(lab.root('h1')).lines.filter((line) => line.includes(text))).toEqual([])
}

const ATTACHED_MAX = 1000

function attachUntilFull(lab: Bench): Endpoint[] {
  const attached: Endpoint[] = []
  while (attached.length < ATTACHED_MAX) {
    const result = lab.attach(`x${attached.length}`, 'h1')
    if (result instanceof AttachError) {
      expect(attached.length).toBeGreaterThan(0)
      return attached
    }
    attached.push(result)
  }
  throw new Error(`no end of addresses after ${ATTACHED_MAX}`)
}

function underLoad(scheme: Scheme, options: Sections, shared: Sections, at: string) {
  const to = shared['containers'] === undefined ? ['b', 'c'] : ['c']
  const scenario = contractScenario(scheme, options, {
    ...shared,
    workload: [
      { kind: 'ping', from: 'a', to, count: 20, interval: '10ms', size: 2000, at },
      { kind: 'udp', pairs: 'ring', packetRate: '2kpps', size: 400, parallel: 3, for: '100ms', at },
      { kind: 'udp-rr', from: 'c', to: 'a', for: '2ms', at },
    ],
    faults: [{ node: 'h2', loss: '5%', duplicate: '2%', reorder: '5%', jitter: '20us' }],
    captures: ['h1/eth0', 'h2/eth0', 'a/eth0'],
  })
  const run = new Run(scenario, new Schemes([scheme]), { capture: true })
  while (!run.advance(1e6));
  const result = run.result()
  expect(result.ledger.balanced).toBe(true)
  const capture = run.capture!
  return { json: JSON.stringify(result), pcapng: capture.bytes(), frames: capture.captured }
}
