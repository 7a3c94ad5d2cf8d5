/** flanneld with an etcd: leases from their beginning to their end, and what befalls the store. */
import { describe, expect, it } from 'vitest'
import { V2ClusterClient } from '../../src/control/etcd/client/v2-cluster-client.ts'
import { V2Keys } from '../../src/control/etcd/client/v2-keys.ts'
import { V3Client } from '../../src/control/etcd/client/v3-client.ts'
import type { Program } from '../../src/control/program/program.ts'
import { AttachError } from '../../src/schemes/contract.ts'
import { flannelScheme } from '../../src/schemes/flannel/index.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4, ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import type { Sections } from '../contract/bench.ts'
import { FlannelBench } from './flannel-bench.ts'

const V2 = { subnetManager: 'etcd-v2' }
const V3 = { subnetManager: 'etcd-v3' }
const BOTH = [['etcd-v2'], ['etcd-v3']] as const
/** Leases that end within a run. */
const SHORT = { leaseTtl: '60s', leaseRenewMargin: '20s' }
const PREFIX = '/coreos.com/network'
const REVOKED = 'Lease has been revoked. Shutting down daemon.'

const endpoints = (lab: FlannelBench) => lab.world.store!.addressesFor(lab.world.hosts.get('h1')!)

const v3 = (lab: FlannelBench) => (program: Program) =>
  new V3Client(program, { endpoints: endpoints(lab) })

const v2 = (lab: FlannelBench) => (program: Program) =>
  new V2Keys(new V2ClusterClient(program, { endpoints: endpoints(lab) }))

/** Somebody deletes the key of a host's lease. */
function revoke(lab: FlannelBench, host: string, manager: string): void {
  const key = `${PREFIX}/subnets/${lab.subnetOf(host).replace('/', '-')}`
  if (manager === 'etcd-v2') lab.somebody((program) => v2(lab)(program).delete(key))
  else lab.somebody((program) => v3(lab)(program).delete(key))
}

const macOf = (lab: FlannelBench, host: string) =>
  formatMac(lab.root(host).device('flannel.1')!.mac)

describe('what stands in the store', () => {
  const layout = (lab: FlannelBench, host: string) => {
    const { value, space } = lab.leases().find(({ key }) => key.endsWith(keyOf(lab, host)))!
    return { value, space }
  }
  const keyOf = (lab: FlannelBench, host: string) => lab.subnetOf(host).replace('/', '-')

  it('v3: the configuration, and a lease with the attributes in their order', () => {
    const lab = new FlannelBench(V3)
    const [config] = lab.world.store!.members[0]!.keys()
    expect(config).toMatchObject({
      key: '/coreos.com/network/config',
      value:
        '{"Network":"10.244.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1,"Port":8472}}',
    })
    expect(lab.leases()).toHaveLength(2)
    expect(lab.leases()[0]!.key).toMatch(/^\/coreos\.com\/network\/subnets\/10\.244\.\d+\.0-24$/)
    expect(layout(lab, 'h1')).toEqual({
      value: `{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${macOf(lab, 'h1')}"}}`,
      space: 'v3',
    })
  })

  it('v2: as 0.11 and as 0.16 write it', () => {
    const old = new FlannelBench(V2)
    expect(layout(old, 'h2')).toEqual({
      value: `{"PublicIP":"192.168.0.2","BackendType":"vxlan","BackendData":{"VtepMAC":"${macOf(old, 'h2')}"}}`,
      space: 'v2',
    })
    const late = new FlannelBench({ ...V2, version: '0.16' })
    expect(layout(late, 'h2').value).toBe(
      `{"PublicIP":"192.168.0.2","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${macOf(late, 'h2')}"}}`,
    )
  })

  it.each([
    ['etcd-v2', '{"PublicIP":"192.168.0.1","BackendType":"host-gw"}'],
    ['etcd-v3', '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"host-gw"}'],
  ])('%s: host-gw has no data of the backend, and a prefix may be another', (manager, value) => {
    const options = { subnetManager: manager, backend: 'host-gw' }
    expect(layout(new FlannelBench(options), 'h1').value).toBe(value)
    const other = new FlannelBench({ ...options, etcdPrefix: '/flannel/a' })
    const keys = other.world.store!.members[0]!.keys().map(({ key }) => key)
    expect(keys).toHaveLength(3)
    for (const key of keys) expect(key).toMatch(/^\/flannel\/a\/(config|subnets\/)/)
  })
})

// The v3 daemon goes by whole seconds of what is left: 39 s from a grant to its renewal, v2 by 40 s.
describe.each([
  ['etcd-v2', 4],
  ['etcd-v3', 5],
])('a lease in %s', (subnetManager, renewals) => {
  const options = { subnetManager }

  it('is one of the first hundred free subnets, but never the very first', () => {
    const thirds = new Set<number>()
    for (let seed = 0; seed < 6; seed++) {
      const lab = new FlannelBench(options, { seed })
      for (const host of ['h1', 'h2']) thirds.add(Number(lab.subnetOf(host).split('.')[2]))
    }
    expect(thirds.size).toBeGreaterThan(6)
    for (const third of thirds) {
      expect(third).toBeGreaterThanOrEqual(1)
      expect(third).toBeLessThanOrEqual(101)
    }
  })

  it('is the same after a restart, and so are the device and what it leads to', () => {
    const lab = new FlannelBench(options)
    const before = { subnet: lab.subnetOf('h1'), others: lab.others('h1'), save: save(lab) }
    const device = lab.root('h1').device('flannel.1')
    expect(before.others.fdb).toHaveLength(1)
    lab.daemon('h1').crash()
    lab.run(3 * SECOND)
    lab.daemon('h1').start()
    lab.run(3 * SECOND)
    expect(lab.root('h1').device('flannel.1')).toBe(device)
    expect({ subnet: lab.subnetOf('h1'), others: lab.others('h1'), save: save(lab) }).toEqual(
      before,
    )
    expect(lab.log('h1').join('\n')).toContain('for current IP (192.168.0.1), reusing')
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
  })

  const save = (lab: FlannelBench) => lab.root('h1').filter!.save()

  it('tells the others of the new MAC address of a device that had to be made again', () => {
    const lab = new FlannelBench(options)
    const before = lab.others('h2')
    lab.daemon('h1').crash()
    lab.world.hosts.get('h1')!.commands.link.delete('flannel.1')
    lab.daemon('h1').start()
    lab.run(3 * SECOND)
    const mac = macOf(lab, 'h1')
    expect(before.neighbours[0]).not.toContain(mac)
    expect(lab.others('h2').neighbours).toEqual([expect.stringContaining(mac)])
    expect(lab.others('h2').routes).toEqual(before.routes)
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
  })

  it('is renewed before its end, as long as its host can', () => {
    const lab = new FlannelBench({ ...options, ...SHORT })
    const [before] = lab.leases()
    lab.until(200)
    expect(lab.leases()).toHaveLength(2)
    expect(lab.leases()[0]!.key).toBe(before!.key)
    expect(lab.leases()[0]!.value).toBe(before!.value)
    const renewed = lab.log('h1').filter((line) => line === 'Lease renewed')
    expect(renewed).toHaveLength(renewals)
  })

  it('that has expired takes route, neighbour and FDB entry away from the others', () => {
    const lab = new FlannelBench({ ...options, ...SHORT })
    lab.until(30)
    const before = lab.others('h1')
    expect([before.routes, before.neighbours, before.fdb].map(({ length }) => length)).toEqual([
      1, 1, 1,
    ])
    lab.daemon('h2').crash()
    lab.until(58)
    expect(lab.others('h1')).toEqual(before)
    lab.until(70)
    expect(lab.others('h1')).toEqual({ routes: [], neighbours: [], fdb: [] })
    // The dead host's own kernel is as it was.
    expect(lab.others('h2').routes).toHaveLength(1)
  })

  it('that was deleted ends the daemon, which takes its subnet again', () => {
    const lab = new FlannelBench(options)
    const subnet = lab.subnetOf('h2')
    const { fdb } = lab.others('h1')
    revoke(lab, 'h2', subnetManager)
    expect(lab.log('h2')).toContain(REVOKED)
    expect(lab.log('h2')).toContain(`Found previously leased subnet (${subnet}), reusing`)
    expect(lab.subnetOf('h2')).toBe(subnet)
    expect(lab.log('h1')).toContain(`Subnet removed: ${subnet}`)
    expect(lab.others('h1').fdb).toEqual(fdb)
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
  })

  it('is shared by two hosts with one public address', () => {
    const publicIps = { h1: '10.0.2.15', h2: '10.0.2.15' }
    const faults = [{ at: '0s', until: '5s', stop: 'h2/net' }]
    const lab = new FlannelBench({ ...options, publicIps }, { faults })
    expect(lab.leases()).toHaveLength(1)
    const thirds = ['a', 'c'].map((name) => (lab.endpoint(name).address >> 8) & 255)
    expect(thirds[0]).toBe(thirds[1])
  })
})

it('host-gw does not start where the public address is not that of the interface', () => {
  const faults = [{ at: '0s', until: '30s', stop: 'h1/net' }]
  const options = { ...V3, backend: 'host-gw', publicIps: { h2: '10.0.2.15' } }
  const lab = new FlannelBench(options, { faults })
  expect(lab.subnetOf('h1')).not.toBe('')
  expect(lab.leases()).toHaveLength(1)
  expect(lab.log('h2').join('\n')).toContain('your PublicIP differs from interface IP')
})

describe('two hosts that draw the same subnet', () => {
  const pool = { subnet: '10.244.0.0/22' }
  const logs = (lab: FlannelBench, hosts: readonly string[]) =>
    hosts.flatMap((host) => lab.log(host))
  const HOSTS = ['h1', 'h2', 'h3']
  const more = (seed: number) => ({
    seed,
    store: { kind: 'etcd' },
    fabric: { racks: 1, hostsPerRack: 3, links: '10Gbps' },
    containers: HOSTS.map((host, i) => ({ name: `x${i}`, host })),
  })
  const picks = (lab: FlannelBench) =>
    logs(lab, HOSTS).filter((line) => line.startsWith('Picking')).length

  it.each(BOTH)('%s: end with two', (subnetManager) => {
    let collisions = 0
    for (let seed = 6; seed <= 8; seed++) {
      const lab = new FlannelBench({ subnetManager, ...pool }, more(seed))
      collisions += picks(lab) - 3
      expect(new Set(HOSTS.map((host) => lab.subnetOf(host))).size).toBe(3)
      const fatal = logs(lab, HOSTS).filter((line) => line.includes('subnet already exists'))
      // The v3 code takes it for fatal and leaves the rest to its supervisor.
      expect(fatal).toHaveLength(subnetManager === 'etcd-v3' ? picks(lab) - 3 : 0)
    }
    expect(collisions).toBeGreaterThan(0)
  })

  it('finds no subnet in a pool that is used up', () => {
    const lab = new FlannelBench({ ...V3, subnet: '10.244.0.0/26' })
    lab.daemon('h2').crash()
    // Others have the three subnets, but for the one of h1.
    for (const last of [16, 32, 48]) {
      if (lab.subnetOf('h1') === `10.244.0.${last}/28`) continue
      const key = `${PREFIX}/subnets/10.244.0.${last}-28`
      lab.somebody((program) => v3(lab)(program).put(key, `{"PublicIP":"192.168.9.${last}"}`))
    }
    lab.daemon('h2').start()
    lab.run(2 * SECOND)
    expect(lab.log('h2').at(-1)).toBe(
      'Error registering network: failed to acquire lease: out of subnets',
    )
  })

  it('passes over what is no lease', () => {
    const lab = new FlannelBench(V3)
    const key = `${PREFIX}/subnets/readme`
    lab.somebody((program) => v3(lab)(program).put(key, 'hands off'))
    expect(lab.log('h1').at(-1)).toContain('not a subnet, skipping')
    lab.daemon('h1').crash()
    lab.daemon('h1').start()
    lab.run(3 * SECOND)
    expect(lab.log('h1')).toContain(`Ignoring bad subnet node: ${key}`)
    expect(lab.others('h1').routes).toHaveLength(1)
  })
})

describe('a subnet that an earlier start has left', () => {
  /** h2's daemon is away while its lease goes to somebody else. */
  function usurped(options: Sections) {
    const lab = new FlannelBench({ ...V2, ...options })
    const subnet = lab.subnetOf('h2')
    const key = `${PREFIX}/subnets/${subnet.replace('/', '-')}`
    lab.daemon('h2').crash()
    const value = '{"PublicIP":"192.168.0.77","BackendType":"vxlan"}'
    lab.somebody((program) => v2(lab)(program).set(key, value))
    lab.daemon('h2').start()
    lab.run(5 * SECOND)
    return { lab, subnet }
  }

  it('is taken from its new owner by 0.11', () => {
    const { lab, subnet } = usurped({})
    expect(lab.subnetOf('h2')).toBe(subnet)
    expect(lab.leases().some(({ value }) => value.includes('192.168.0.77'))).toBe(false)
  })

  it('is left to its new owner by 0.16; but then cni0 is in the way of new containers', () => {
    const { lab, subnet } = usurped({ version: '0.16' })
    expect(lab.subnetOf('h2')).not.toBe(subnet)
    expect(lab.leases().some(({ value }) => value.includes('192.168.0.77'))).toBe(true)
    const device = lab.root('h2').device('flannel.1')!
    const addresses = device.addresses.map(({ address }) => `${formatIpv4(address)}/24`)
    expect(addresses).toEqual([lab.subnetOf('h2')])
    const refusal = lab.attach('late', 'h2')
    expect(refusal).toBeInstanceOf(AttachError)
    expect((refusal as AttachError).message).toContain(
      '"cni0" already has an IP address different from',
    )
  })
})

describe('a reservation', () => {
  const reservations = { h2: '10.244.200.0/24' }

  it('v2: is taken by its host and never ends', () => {
    const lab = new FlannelBench({ ...V2, ...SHORT, reservations })
    expect(lab.subnetOf('h2')).toBe('10.244.200.0/24')
    lab.daemon('h2').crash()
    lab.until(200)
    expect(lab.subnetOf('h2')).toBe('10.244.200.0/24')
  })

  it('v3: is taken as well, but becomes a lease that ends', () => {
    const lab = new FlannelBench({ ...V3, ...SHORT, reservations })
    expect(lab.subnetOf('h2')).toBe('10.244.200.0/24')
    lab.daemon('h2').crash()
    lab.until(200)
    expect(lab.subnetOf('h2')).toBe('')
  })
})

describe('a watch that has missed changes', () => {
  /** h2's lease goes and is forgotten while h1 is cut off, and its watch broken by the member's restart. */
  function missed(options: Sections, forget: (program: Program, lab: FlannelBench) => Process) {
    const lab = new FlannelBench(options)
    const before = lab.others('h1').routes.length
    const heal = lab.cutOff('h1')
    const [member] = lab.world.store!.members
    member!.crash()
    member!.start()
    lab.run(5 * SECOND)
    lab.daemon('h2').crash()
    revoke(lab, 'h2', String(options['subnetManager']))
    lab.somebody((program) => forget(program, lab))
    const meanwhile = lab.others('h1').routes.length
    heal()
    lab.run(240 * SECOND)
    return { routes: [before, meanwhile, lab.others('h1').routes.length], log: lab.log('h1') }
  }

  function* compact(program: Program, lab: FlannelBench): Process {
    const client = v3(lab)(program)
    const now = yield* client.put('other', 'value')
    if ('revision' in now) yield* client.compact(now.revision)
  }

  /** More than the 1000 events that v2 keeps. */
  function* writeMuch(program: Program, lab: FlannelBench): Process {
    const keys = v2(lab)(program)
    for (let i = 0; i < 1100; i++) yield* keys.set('/other', String(i))
  }

  it('v3: lists again, since 0.28', () => {
    const { routes, log } = missed(V3, compact)
    expect(routes).toEqual([1, 1, 0])
    expect(log.join('\n')).toMatch(/fell behind compaction horizon/)
  })

  it('v3: never recovers before', () => {
    const { routes, log } = missed({ ...V3, version: '0.27' }, compact)
    expect(routes).toEqual([1, 1, 1])
    const closed = log.filter((line) => line.includes('required revision has been compacted'))
    // Of the own lease and of all of them, every 5 s.
    expect(closed.length).toBeGreaterThan(40)
  })

  it('v2: lists again and tells what is gone', () => {
    const { routes, log } = missed(V2, writeMuch)
    expect(routes).toEqual([1, 1, 0])
    expect(log).toContain('Watch of subnet leases failed because etcd index outside history window')
  })
})

describe('without the store', () => {
  it.each(BOTH)('%s: containers start on hosts that have their subnet', (subnetManager) => {
    const lab = new FlannelBench({ subnetManager })
    for (const member of lab.world.store!.members) member.crash()
    lab.run(5 * SECOND)
    const late = lab.mustAttach('late', 'h2')
    expect(lab.ping(late.namespace, lab.endpoint('a').address)).toBe(true)
  })

  it('a container waits for its host’s daemon, as long as it may take', () => {
    const faults = [{ at: '0s', until: '40s', crash: 'store-1' }]
    const lab = new FlannelBench(V3, { faults })
    expect(lab.world.simulator.now).toBeGreaterThan(40 * SECOND)
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
    const waits = lab
      .log('h2')
      .filter((line) => line.includes("failed to load flannel 'subnet.env'"))
    // Every 10 to 15 s.
    expect(waits.length).toBeGreaterThanOrEqual(3)
    expect(waits.length).toBeLessThanOrEqual(5)
  })
})

describe('a host whose clock is 40 s behind', () => {
  const faults = [{ at: '0s', clockStep: 'h2', by: '40s', backwards: true }]

  it('v2: renews too late, and loses its lease each time', () => {
    const lab = new FlannelBench({ ...V2, ...SHORT }, { faults })
    lab.until(150)
    expect(lab.log('h2').filter((line) => line === REVOKED)).toHaveLength(2)
    expect(lab.log('h1')).not.toContain(REVOKED)
  })

  it('v3: goes by its own measure of time', () => {
    const lab = new FlannelBench({ ...V3, ...SHORT }, { faults })
    lab.until(150)
    expect(lab.log('h2')).not.toContain(REVOKED)
  })
})

it('asks the store over the network', () => {
  const lab = new FlannelBench(V3)
  const ports: number[] = []
  const { nic } = lab.world.hosts.get('h2')!
  nic.tap = { frame: (_, frame, way) => way === 'out' && ports.push(frame.destinationPort) }
  lab.daemon('h2').crash()
  lab.daemon('h2').start()
  lab.run(SECOND)
  expect(ports.filter((port) => port === 2379).length).toBeGreaterThan(10)
})

describe('what the scenario file may say', () => {
  const check = (given: object, store: { kind: string; version: string } | null) =>
    flannelScheme.check!(flannelScheme.options.parse(given), {
      network: 'net',
      mode: 'l2',
      fabricSubnet: { base: ipv4('192.168.0.0'), length: 16 },
      store,
      hosts: [{ name: 'h1', address: ipv4('192.168.0.1'), mtu: 1500, containers: 1 }],
    })
  const etcd = (version: string) => ({ kind: 'etcd', version })

  it('admits what goes together', () => {
    expect(check(V2, etcd('2.3'))).toEqual([])
    expect(check({ ...V3, ...SHORT, version: '0.27' }, etcd('3.4'))).toEqual([])
    expect(check({ subnetManager: 'kube' }, { kind: 'kube', version: '1.28' })).toEqual([])
  })

  it.each([
    [V3, null, 'etcd-v3 needs a store of kind etcd'],
    [V3, etcd('2.3'), 'etcd 2.3 has no v3 keys'],
    [{ subnetManager: 'kube' }, etcd('3.4'), 'kube needs a store of kind kube'],
    [{ ...V2, version: '0.28' }, etcd('3.4'), 'flannel 0.28 has no subnet manager etcd-v2'],
    [{ ...V3, leaseTtl: '60s' }, etcd('3.4'), 'would have to be renewed before it begins'],
    [{ ...V3, leaseTtl: '900ms', leaseRenewMargin: 0 }, etcd('3.4'), 'in whole seconds'],
    [{ ...V3, publicIps: { h9: '10.0.0.1' } }, etcd('3.4'), 'there is no host h9'],
    [{ ...V3, reservations: { h1: '10.9.0.0/24' } }, etcd('3.4'), '10.9.0.0/24 is no /24 of'],
  ])('%j with %j: %s', (given, store, message) => {
    expect(check(given, store)).toMatchObject([{ message: expect.stringContaining(message) }])
  })

  it('says in the results that leases were shortened', () => {
    const note = (given: object) => flannelScheme.note!(flannelScheme.options.parse(given))
    expect(note(V2)).toBe('leases live 24 h and are renewed 60 min before their end')
    expect(note({ ...V2, ...SHORT })).toBe(
      'leases live 60 s instead of 24 h and are renewed 20 s instead of 60 min before their end',
    )
  })
})
