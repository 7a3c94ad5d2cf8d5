/** What comes back by itself, what stays behind, and what a host that comes back finds. */
import { describe, expect, it } from 'vitest'
import { AttachError } from '../../src/schemes/contract.ts'
import { spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import type { Sections } from '../contract/bench.ts'
import { FlannelBench } from './flannel-bench.ts'

const V3 = { subnetManager: 'etcd-v3' }
const KUBE = { subnetManager: 'kube' }

const rules = (lab: FlannelBench, host = 'h1') => lab.root(host).filter!.save()

describe('rules of flanneld', () => {
  it.each(['static', 'etcd-v3'])('%s: are put back within five seconds of a flush', (manager) => {
    const lab = new FlannelBench({ subnetManager: manager })
    const before = rules(lab)
    const { iptables } = lab.world.hosts.get('h1')!.commands
    iptables.run('-t nat -F')
    iptables.run('-F')
    expect(rules(lab)).not.toBe(before)
    lab.run(5.1 * SECOND)
    expect(rules(lab)).toBe(before)
  })

  it('are put back although their chains are gone too, but not once the daemon has ended', () => {
    const lab = new FlannelBench({ subnetManager: 'static' })
    const before = rules(lab)
    const { iptables } = lab.world.hosts.get('h1')!.commands
    const flush = () => {
      for (const table of ['nat', 'filter']) {
        iptables.run(`-t ${table} -F`)
        iptables.run(`-t ${table} -X`)
      }
    }
    flush()
    lab.run(6 * SECOND)
    expect(rules(lab)).toBe(before)
    lab.daemon('h1').crash()
    flush()
    lab.run(20 * SECOND)
    expect(rules(lab)).not.toContain('FLANNEL')
    lab.daemon('h1').start()
    expect(rules(lab)).toBe(before)
  })

  it('all move behind those of others when one of them is missing', () => {
    const lab = new FlannelBench({ subnetManager: 'static', version: '0.16' })
    const { iptables } = lab.world.hosts.get('h1')!.commands
    iptables.run('-A FORWARD -s 10.99.0.0/16 -j DROP')
    const forward = () =>
      rules(lab)
        .split('\n')
        .filter((line) => line.startsWith('-A FORWARD'))
        .map((line) => /-[sd] \S+/.exec(line)![0])
    expect(forward()).toEqual(['-s 10.244.0.0/16', '-d 10.244.0.0/16', '-s 10.99.0.0/16'])
    iptables.run('-D FORWARD 1')
    lab.run(5.1 * SECOND)
    expect(forward()).toEqual(['-s 10.99.0.0/16', '-s 10.244.0.0/16', '-d 10.244.0.0/16'])
  })

  it('until 0.16 stand in the built-in chains, those of the whole network first', () => {
    const lab = new FlannelBench({ subnetManager: 'static', version: '0.11' })
    const nat = rules(lab)
      .split('\n')
      .filter((line) => line.startsWith('-A POSTROUTING'))
    expect(nat.map((line) => line.replace(/-m comment --comment "flanneld masq" /, ''))).toEqual([
      '-A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN',
      '-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully',
      '-A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/24 -j RETURN',
      '-A POSTROUTING ! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE --random-fully',
    ])
    expect(rules(lab)).not.toContain('FLANNEL')
  })
})

/** h2 without power from 40 s to 60 s. */
const POWER_LOSS = [{ at: '40s', until: '60s', crash: 'h2' }]

describe('a host that comes up again', () => {
  it.each([
    ['vxlan', 'static'],
    ['vxlan', 'etcd-v3'],
    ['vxlan', 'kube'],
    ['host-gw', 'etcd-v3'],
    ['ipip', 'static'],
    ['udp', 'etcd-v3'],
  ])(
    '%s, %s: has its subnet, its rules and its containers, with other addresses',
    (backend, subnetManager) => {
      const lab = new FlannelBench({ backend, subnetManager }, { faults: POWER_LOSS })
      lab.until(35)
      const before = rules(lab, 'h2')
      const { address } = lab.endpoint('c')
      lab.until(59)
      expect(lab.ping(lab.endpoint('a').namespace, address)).toBe(false)
      lab.until(100)
      expect(rules(lab, 'h2')).toBe(before)
      const again = lab.endpoint('c')
      // host-local goes on behind the last address that it gave, for its files are on disk.
      expect(again.address).toBe(address + 1)
      expect(lab.ping(lab.endpoint('a').namespace, again.address)).toBe(true)
      expect(lab.ping(again.namespace, lab.endpoint('b').address)).toBe(true)
    },
  )

  const macOf = (lab: FlannelBench) => lab.root('h2').device('flannel.1')!.mac

  it('has another MAC with etcd, of which the others hear; with kube it reads its own back', () => {
    const [etcd, kube] = [V3, KUBE].map((options) => {
      const lab = new FlannelBench(options, { faults: POWER_LOSS })
      lab.until(35)
      const before = macOf(lab)
      lab.until(100)
      return macOf(lab) === before
    })
    expect([etcd, kube]).toEqual([false, true])
  })

  it('gets another subnet when its lease ended meanwhile, for subnet.env is in memory', () => {
    const short = { leaseTtl: '15s', leaseRenewMargin: '5s' }
    let moved = 0
    for (let seed = 0; seed < 3; seed++) {
      const lab = new FlannelBench({ ...V3, ...short }, { faults: POWER_LOSS, seed })
      lab.until(39)
      const before = lab.subnetOf('h2')
      lab.until(100)
      if (lab.subnetOf('h2') !== before) moved++
      expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
    }
    // One of a hundred, by chance.
    expect(moved).toBeGreaterThan(1)
  })
})

describe('a host that leaves', () => {
  it.each([
    ['etcd-v2', 'vxlan'],
    ['etcd-v3', 'host-gw'],
    ['kube', 'vxlan'],
    ['etcd-v3', 'udp'],
  ])('%s, %s: is forgotten by the others, and is new when it joins again', (manager, backend) => {
    const lab = new FlannelBench({ subnetManager: manager, backend })
    const subnet = lab.leaseOf('h2')
    expect(subnet).not.toBe('')
    lab.detach(lab.endpoint('c'), 'h2')
    spawn(lab.world.simulator, lab.daemon('h2').leave())
    lab.run(3 * SECOND)
    expect(lab.leaseOf('h2')).toBe('')
    expect(lab.others('h1')).toEqual({ routes: [], neighbours: [], fdb: [] })
    expect(lab.log('h1')).toContain(`Subnet removed: ${subnet}`)
    expect(lab.root('h2').devices.map(({ name }) => name)).toEqual(['eth0'])
    lab.daemon('h2').start()
    lab.run(5 * SECOND)
    const d = lab.mustAttach('d', 'h2')
    expect(`${formatIpv4(d.address & -256)}/24`).toBe(lab.leaseOf('h2'))
    expect(lab.ping(lab.endpoint('a').namespace, d.address)).toBe(true)
  })

  it('waits for a store that is away', () => {
    const lab = new FlannelBench(V3)
    const mend = lab.cutOff('h2')
    let hasLeft = false
    const { done } = spawn(lab.world.simulator, lab.daemon('h2').leave())
    done.wait(lab.world.simulator, () => {
      hasLeft = true
    })
    lab.run(60 * SECOND)
    expect(hasLeft).toBe(false)
    expect(lab.leases()).toHaveLength(2)
    mend()
    lab.run(60 * SECOND)
    expect(hasLeft).toBe(true)
    expect(lab.leases()).toHaveLength(1)
  })
})

it('static, host-gw: does not start behind NAT, so that its containers have no network', () => {
  const options = { subnetManager: 'static', backend: 'host-gw', publicIps: { h2: '10.0.2.15' } }
  const lab = new FlannelBench(options)
  expect(lab.log('h2')).toEqual([
    expect.stringContaining('your PublicIP differs from interface IP'),
  ])
  const refusal = lab.attach('late', 'h2')
  expect(refusal).toBeInstanceOf(AttachError)
  expect((refusal as AttachError).message).toContain("failed to load flannel 'subnet.env'")
})

describe('two networks on the same hosts, each with a daemon of its own', () => {
  const second = { subnet: '10.245.0.0/16', bridge: 'cni1' }

  /** Containers a, c of the first network and x, z of the second. */
  function both(first: Sections, other: Sections, more: Sections = {}): FlannelBench {
    const scheme = 'flannel'
    const place = (name: string, host: string, networks: string) => ({ name, host, networks })
    return new FlannelBench(first, {
      networks: { net: { scheme, ...first }, two: { scheme, ...second, ...other } },
      containers: [
        place('a', 'h1', 'net'),
        place('c', 'h2', 'net'),
        place('x', 'h1', 'two'),
        place('z', 'h2', 'two'),
      ],
      fabric: { racks: 1, hostsPerRack: 2, gateway: true },
      ...more,
    })
  }

  it.each([
    ['static', { subnetManager: 'static' }, { subnetManager: 'static', vni: 2 }],
    ['etcd-v3', V3, { ...V3, vni: 2, etcdPrefix: '/other' }],
    ['udp', { ...V3, backend: 'udp' }, { ...V3, backend: 'udp', port: 8286, etcdPrefix: '/other' }],
    ['vxlan beside host-gw', V3, { ...V3, backend: 'host-gw', etcdPrefix: '/other' }],
  ])('%s: both work, and so do their ways out', (_, first, other) => {
    const lab = both(first, other)
    // Each start empties the chains that they share, until the next look of the other.
    lab.run(6 * SECOND)
    const ping = (from: string, to: number) => lab.ping(lab.endpoint(from).namespace, to)
    const outside = lab.world.hosts.get('outside')!.address
    expect(ping('a', lab.endpoint('c').address)).toBe(true)
    expect(ping('x', lab.endpoint('z').address)).toBe(true)
    expect(ping('a', outside)).toBe(true)
    expect(ping('x', outside)).toBe(true)
    const jumps = rules(lab)
      .split('\n')
      .filter((line) => line.includes('-j FLANNEL-POSTRTG'))
    expect(jumps).toHaveLength(1)
  })

  it('the start of the second takes the rules of the first away, for five seconds', () => {
    const lab = both({ subnetManager: 'static' }, { subnetManager: 'static', vni: 2 })
    lab.run(6 * SECOND)
    const own = () => rules(lab).includes('-s 10.244.0.0/24 -d 10.244.0.0/16')
    const two = lab.world.networks.get('two')!.daemons.get('h1')!
    expect(own()).toBe(true)
    two.crash()
    two.start()
    expect(own()).toBe(false)
    lab.run(5.1 * SECOND)
    expect(own()).toBe(true)
  })

  it.each([
    ['VXLAN', { vni: 2 }, { vni: 2 }, 'flannel.2'],
    ['ipip', { backend: 'ipip' }, { backend: 'ipip' }, 'flannel.ipip'],
    ['udp', { backend: 'udp' }, { backend: 'udp' }, 'UDP port 8285'],
  ])('are refused where both want the same: %s', (_, first, other, claim) => {
    expect(() => both(first, other)).toThrow(`${claim} on h1 belongs to the network net`)
  })
})
