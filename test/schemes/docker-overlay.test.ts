import { describe, expect, it } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { AttachError } from '../../src/schemes/contract.ts'
import { dockerOverlayScheme } from '../../src/schemes/docker-overlay/index.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import type { NetNamespace } from '../../src/stack/namespace.ts'
import { formatIpv4, ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { DockerBench } from './docker-bench.ts'

const lines = (shown: { readonly lines: readonly string[] }) =>
  shown.lines.map((line) => line.trim())

/** Two hosts with c1 on h1 and c2 on h2, both of net1. */
function pair(options: object = {}) {
  const bench = new DockerBench(2, options)
  bench.startDaemons()
  bench.startNetwork('net1', 1, { subnet: '10.0.9.0/24' })
  const c1 = bench.docker('c1', 'net1', 1)
  const c2 = bench.docker('c2', 'net1', 2)
  bench.run(SECOND)
  return { bench, c1, c2 }
}

/** The namespaces of networks on a host. */
function sandboxes(bench: DockerBench, number: number): NetNamespace[] {
  return [...bench.host(number).containers.values()].filter(({ name }) => name.includes('.1-'))
}

const RECORDED_FDB = '02:42:0a:00:09:03 dev vxlan0 dst 10.0.0.2 self permanent'

describe('the data path of the overlay driver', () => {
  it('stands as on a real host: devices, addresses, neighbours, entries', () => {
    const { bench, c1 } = pair()
    const [sandbox] = sandboxes(bench, 1)
    const { devices } = sandbox!
    expect(devices.map(({ name, kind, mtu, up }) => `${name} ${kind} ${mtu} ${up}`)).toEqual([
      'br0 bridge 1450 true',
      'vxlan0 vxlan 1450 true',
      'veth0 veth 1450 true',
    ])
    expect(lines(showRoutes(sandbox!))).toEqual([
      '10.0.9.0/24 dev br0 proto kernel scope link src 10.0.9.1',
    ])
    expect(lines(showNeighbours(sandbox!))).toEqual([
      '10.0.9.3 dev vxlan0 lladdr 02:42:0a:00:09:03 PERMANENT',
    ])
    expect(lines(showFdb(sandbox!))).toContain(RECORDED_FDB)
    const { namespace } = c1
    expect(namespace.devices.map(({ name, mtu }) => `${name} ${mtu}`)).toEqual([
      'eth0 1450',
      'eth1 1500',
    ])
    expect(lines(showRoutes(namespace))).toEqual([
      'default via 172.18.0.1 dev eth1',
      '10.0.9.0/24 dev eth0 proto kernel scope link src 10.0.9.2',
      '172.18.0.0/16 dev eth1 proto kernel scope link src 172.18.0.2',
    ])
  })

  it('answers the first ping at once: no ARP on the underlay, two packets of VXLAN', () => {
    const { bench, c1, c2 } = pair()
    const seen: string[] = []
    const { nic } = bench.host(1)
    nic.tap = {
      frame: (_, frame, way) => {
        if (frame.vni !== 0 && frame.inner !== null)
          seen.push(`${way} ${frame.vni} ${frame.length}`)
      },
    }
    expect(bench.ping(c1.namespace, c2.address, 5 * MILLISECOND)).toBe(true)
    expect(seen).toEqual(['out 256 148', 'in 256 148'])
  })

  it('opens the way out by docker_gwbridge with the rules of a real host', () => {
    const { bench } = pair()
    const rules = bench.host(1).root.filter!.save().split('\n')
    const ours = rules.filter((line) => line.startsWith('-A'))
    expect(ours).toEqual([
      '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER',
      '-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER',
      '-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE',
      '-A DOCKER -i docker_gwbridge -j RETURN',
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
      '-A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -o docker_gwbridge -j DOCKER',
      '-A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT',
      '-A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP',
      '-A DOCKER-ISOLATION-STAGE-1 -i docker_gwbridge ! -o docker_gwbridge -j DOCKER-ISOLATION-STAGE-2',
      '-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
      '-A DOCKER-ISOLATION-STAGE-2 -o docker_gwbridge -j DROP',
      '-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
      '-A DOCKER-USER -j RETURN',
    ])
  })

  it('lets containers out, hidden behind their host, and apart from each other there', () => {
    const { bench, c1 } = pair()
    const other = bench.docker('c3', 'net1', 1)
    const outside = bench.host(3)
    const sources = new Set<string>()
    outside.nic.tap = {
      frame: (_, frame, way) => {
        if (way === 'in' && frame.protocol === 1) sources.add(formatIpv4(frame.ipSrc))
      },
    }
    expect(bench.ping(c1.namespace, outside.address)).toBe(true)
    expect([...sources]).toEqual(['10.0.0.1'])
    expect(bench.ping(c1.namespace, ipv4('172.18.0.3'), SECOND)).toBe(false)
    expect(bench.ping(c1.namespace, other.address)).toBe(true)
  })

  it('takes no container on an encrypted network: without a swarm there are no keys', () => {
    const bench = new DockerBench(1, { encrypted: true })
    bench.startDaemons()
    bench.startNetwork('net1', 1, { subnet: '10.0.9.0/24' })
    const refused = bench.tryRun('c1', 'net1', 1)
    expect((refused as AttachError).message).toBe(
      'docker: Error response from daemon: cannot join secure network: encryption keys not present',
    )
    expect(bench.host(1).containers.get('c1')!.devices).toEqual([])
  })

  it('has no way out on an internal network', () => {
    const { bench, c1, c2 } = pair({ internal: true })
    expect(c1.namespace.devices.map(({ name }) => name)).toEqual(['eth0'])
    expect(bench.host(1).root.device('docker_gwbridge')).toBeUndefined()
    expect(bench.ping(c1.namespace, c2.address)).toBe(true)
    expect(bench.ping(c1.namespace, bench.host(3).address, SECOND)).toBe(false)
  })

  it('forwards a published port, as long as its container is there', () => {
    const publish = [{ container: 'c1', protocol: 'udp', port: 53, hostPort: 5353 }]
    const { bench, c1 } = pair({ publish })
    const server = c1.namespace.sockets.openUdp(53)!
    let received = 0
    server.onReceive = () => {
      received++
    }
    const client = bench.host(3).root.sockets.openUdp()!
    client.sendTo(bench.host(1).address, 5353, 100)
    bench.run(SECOND)
    expect(received).toBe(1)
    const before = bench.host(1).root.filter!.save()
    expect(before).toContain('--to-destination 172.18.0.2:53')
    bench.remove(c1, 1)
    expect(bench.host(1).root.filter!.save()).not.toContain('172.18.0.2')
  })

  it('connects a container to a second network, whose interface comes behind docker_gwbridge', () => {
    const { bench, c1, c2 } = pair()
    bench.startNetwork('net2', 2, { subnet: '10.0.8.0/24' })
    const more = bench.docker('c1', 'net2', 1)
    const d2 = bench.docker('d2', 'net2', 2)
    expect(more.device).toBe('eth2')
    expect(sandboxes(bench, 1)).toHaveLength(2)
    expect(bench.ping(c1.namespace, d2.address)).toBe(true)
    expect(bench.ping(c1.namespace, c2.address)).toBe(true)
    // Each is in one network only.
    expect(bench.ping(c2.namespace, d2.address, 5 * SECOND)).toBe(false)
    bench.remove(more, 1)
    expect(sandboxes(bench, 1)).toHaveLength(1)
    expect(c1.namespace.devices.map(({ name }) => name)).toContain('eth1')
    bench.remove(c1, 1)
    expect(sandboxes(bench, 1)).toHaveLength(0)
    expect(c1.namespace.devices).toEqual([])
  })
})

describe('peers', () => {
  it('asks the cluster for an address that nobody has, once for each ARP request', () => {
    const { bench, c1 } = pair()
    expect(bench.ping(c1.namespace, ipv4('10.0.9.200'), 3.5 * SECOND)).toBe(false)
    const line =
      'could not resolve peer "10.0.9.200": timed out resolving peer by querying the cluster'
    const log = bench.daemon('net1', 1).log.filter((each) => each === line)
    expect(log.length).toBeGreaterThanOrEqual(2)
    expect(log.length).toBeLessThanOrEqual(4)
  })

  it('finds a peer of before its start by asking, at the second ARP request', () => {
    const { bench, c1 } = pair()
    bench.daemon('net1', 2).crash()
    bench.daemon('net1', 2).start()
    bench.run(20 * SECOND)
    const back = bench.docker('c3', 'net1', 2)
    const [sandbox] = sandboxes(bench, 2)
    expect(lines(showNeighbours(sandbox!))).toEqual([])
    expect(bench.ping(back.namespace, c1.address, 900 * MILLISECOND)).toBe(false)
    expect(bench.ping(back.namespace, c1.address, 2 * SECOND)).toBe(true)
    expect(lines(showFdb(sandbox!))).toContain(
      '02:42:0a:00:09:02 dev vxlan0 dst 10.0.0.1 self permanent',
    )
  })

  it.each([
    ['20.10', '10.0.0.2'],
    ['17.06', '10.0.0.3'],
  ])(
    '%s: of a container that came up elsewhere without a leave the kernel has %s',
    (version, vtep) => {
      const bench = new DockerBench(3, { version, subnet: '10.0.9.0/24' })
      bench.startDaemons()
      bench.startNetwork('net1', 1)
      const c1 = bench.docker('c1', 'net1', 1)
      const c2 = bench.docker('c2', 'net1', 2)
      bench.run(SECOND)
      // As when the host crashes: neither the daemon nor the container says anything any more.
      bench.daemon('net1', 2).crash()
      c2.namespace.device('eth0')!.up = false
      bench.run(SECOND)
      // The address is taken in the store until the operator clears it away by hand.
      bench.forget('c2')
      expect(bench.tryRun('c2', 'net1', 3, c2.address)).not.toBeInstanceOf(AttachError)
      bench.run(2 * SECOND)
      const rows = lines(showFdb(sandboxes(bench, 1)[0]!))
      expect(rows).toContain(`02:42:0a:00:09:03 dev vxlan0 dst ${vtep} self permanent`)
      expect(bench.ping(c1.namespace, c2.address)).toBe(vtep === '10.0.0.3')
    },
  )
})

describe('failures', () => {
  it('goes on without daemons: traffic stays, keys stay, but for that of the node', () => {
    const { bench, c1, c2 } = pair()
    bench.daemon('net1', 2).crash()
    bench.run(61 * SECOND)
    expect(bench.ping(c1.namespace, c2.address, 10 * MILLISECOND)).toBe(true)
    const keys = bench.listing().map(({ key }) => key)
    expect(keys).not.toContain('/docker/nodes/10.0.0.2:2376')
    expect(keys.filter((key) => /\/endpoint\/\w{64}\/\w{64}$/.test(key))).toHaveLength(2)
    expect(bench.tryRun('c9', 'net1', 2)).toEqual(
      new AttachError(
        'docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      ),
    )
    // Its name is taken still, on whatever host.
    expect(bench.tryRun('c2', 'net1', 1)).toEqual(
      new AttachError(
        'docker: Error response from daemon: endpoint with name c2 already exists in network net1.',
      ),
    )
  })

  it('a daemon that is stopped ends its containers and gives back what they had', () => {
    const { bench, c1, c2 } = pair()
    bench.daemon('net1', 2).stop()
    bench.run(5 * SECOND)
    expect(bench.ping(c1.namespace, c2.address, 10 * MILLISECOND)).toBe(false)
    expect(lines(showFdb(sandboxes(bench, 1)[0]!))).not.toContain(RECORDED_FDB)
    const listing = bench.listing()
    expect(listing.map(({ key }) => key)).toContain('/docker/nodes/10.0.0.2:2376')
    expect(listing.find(({ key }) => key.includes('endpoint_count/'))!.value).toBe('{"Count":1}')
    bench.daemon('net1', 2).start()
    bench.run(5 * SECOND)
    expect(bench.docker('c2', 'net1', 2).address).toBe(c2.address)
    expect(bench.ping(c1.namespace, c2.address)).toBe(true)
  })

  it.each(['stop', 'crash'] as const)('restart always: containers come back after %s', (end) => {
    const { bench, c1, c2 } = pair({ restart: 'always' })
    bench.daemon('net1', 2)[end]()
    bench.run(5 * SECOND)
    bench.daemon('net1', 2).start()
    bench.run(10 * SECOND)
    expect(c2.namespace.isLocal(c2.address)).toBe(true)
    expect(bench.ping(c1.namespace, c2.address)).toBe(true)
  })

  it('without the store what runs goes on, what is new fails, what ends leaks', () => {
    const { bench, c1, c2 } = pair()
    const [member] = bench.cluster.members
    member!.crash()
    bench.run(SECOND)
    expect(bench.ping(c1.namespace, c2.address, 10 * MILLISECOND)).toBe(true)
    expect(bench.tryRun('late', 'net1', 1)).toEqual(
      new AttachError('docker: Error response from daemon: network net1 not found.'),
    )
    bench.remove(c2, 2)
    // The container is gone, but its sandbox keeps answering.
    expect(bench.ping(c1.namespace, c2.address, 10 * MILLISECOND)).toBe(true)
    expect(bench.daemon('net1', 2).log.join('\n')).toContain('connection refused')
    member!.start()
    bench.run(45 * SECOND)
    const late = bench.docker('late', 'net1', 1)
    expect(formatIpv4(late.address)).toBe('10.0.9.4')
    expect(bench.ping(late.namespace, c2.address)).toBe(true)
    const keys = bench.listing().map(({ key }) => key)
    expect(keys.filter((key) => key.startsWith('/docker/nodes/'))).toHaveLength(2)
    expect(keys.filter((key) => /\/endpoint\/\w{64}\/\w{64}$/.test(key))).toHaveLength(3)
  })

  it('a container that ends without the store has no network, and starts again with it', () => {
    const { bench, c1, c2 } = pair()
    const [member] = bench.cluster.members
    member!.crash()
    bench.run(SECOND)
    bench.remove(c2, 2)
    expect(c2.namespace.devices).toEqual([])
    expect(bench.tryRun('c2', 'net1', 2)).toBeInstanceOf(AttachError)
    expect(bench.daemon('net1', 2).log.at(-1)).toBe(
      'failed to cleanup up stale network sandbox for container c2',
    )
    // What was left answers in its stead, and has its way out.
    expect(bench.ping(c1.namespace, c2.address, 10 * MILLISECOND)).toBe(true)
    const kept = [...bench.host(2).containers.values()].find((each) => each.isLocal(c2.address))!
    expect(bench.ping(kept, bench.host(1).address, 10 * MILLISECOND)).toBe(true)
    member!.start()
    bench.run(5 * SECOND)
    const again = bench.docker('c2', 'net1', 2)
    expect(again.address).toBe(c2.address)
    expect(bench.host(2).containers.has(kept.name)).toBe(false)
    expect(bench.ping(again.namespace, c1.address)).toBe(true)
    const keys = bench.listing().map(({ key }) => key)
    expect(keys.filter((key) => /\/endpoint\/\w{64}\/\w{64}$/.test(key))).toHaveLength(2)
  })
})

describe('a host that comes and goes', () => {
  const endpoints = (bench: DockerBench) =>
    bench.listing().filter(({ key }) => /\/endpoint\/\w{64}\/\w{64}$/.test(key))

  it('boots: its daemon clears its endpoints away, and the container gets its address again', () => {
    const { bench, c1, c2 } = pair()
    const [before] = endpoints(bench).filter(({ value }) => value!.includes('"name":"c2"'))
    const host = bench.host(2)
    bench.daemon('net1', 2).crash()
    host.powerOff()
    bench.run(20 * SECOND)
    // What the others have of it stays.
    expect(lines(showFdb(sandboxes(bench, 1)[0]!))).toContain(RECORDED_FDB)
    expect(endpoints(bench)).toContainEqual(before)
    expect(bench.ping(c1.namespace, c2.address, SECOND)).toBe(false)
    host.powerOn()
    bench.daemon('net1', 2).start()
    const again = bench.docker('c2', 'net1', 2)
    expect(again.address).toBe(c2.address)
    bench.run(SECOND)
    expect(endpoints(bench)).toHaveLength(2)
    expect(endpoints(bench)).not.toContainEqual(before)
    expect(lines(showFdb(sandboxes(bench, 1)[0]!))).toContain(RECORDED_FDB)
    expect(bench.ping(c1.namespace, again.address)).toBe(true)
    expect(bench.ping(again.namespace, bench.host(1).address)).toBe(true)
    const rules = host.root.filter!.save().split('\n')
    expect(rules.filter((rule) => rule.includes('MASQUERADE'))).toHaveLength(1)
  })

  it('leaves: nothing of it but its key stays in the store, and that only until its TTL', () => {
    const { bench, c1, c2 } = pair()
    bench.remove(c2, 2)
    bench.finish(bench.daemon('net1', 2).leave())
    expect(endpoints(bench)).toHaveLength(1)
    const count = () => bench.listing().find(({ key }) => key.includes('endpoint_count/'))
    expect(count()!.value).toBe('{"Count":1}')
    expect(lines(showFdb(sandboxes(bench, 1)[0]!))).not.toContain(RECORDED_FDB)
    const keys = () => bench.listing().map(({ key }) => key)
    expect(keys()).toContain('/docker/nodes/10.0.0.2:2376')
    bench.run(61 * SECOND)
    expect(keys()).not.toContain('/docker/nodes/10.0.0.2:2376')
    expect(bench.tryRun('c2', 'net1', 2)).toBeInstanceOf(AttachError)
    bench.daemon('net1', 2).start()
    bench.run(5 * SECOND)
    const again = bench.docker('c2', 'net1', 2)
    bench.run(SECOND)
    expect(bench.ping(c1.namespace, again.address)).toBe(true)
    expect(keys()).toContain('/docker/nodes/10.0.0.2:2376')
  })

  it('leaves one of its networks: the engine goes on for the other', () => {
    const { bench, c1, c2 } = pair()
    bench.startNetwork('net2', 1, { subnet: '10.0.8.0/24' })
    const other = bench.docker('d2', 'net2', 2)
    bench.remove(c2, 2)
    bench.finish(bench.daemon('net1', 2).leave())
    expect(bench.ping(c1.namespace, c2.address, SECOND)).toBe(false)
    const peer = bench.docker('d1', 'net2', 1)
    bench.run(SECOND)
    expect(bench.ping(other.namespace, peer.address)).toBe(true)
  })

  it('is lost for good: its endpoint keeps name and address', () => {
    const { bench, c2 } = pair()
    bench.daemon('net1', 2).crash()
    bench.host(2).powerOff()
    bench.run(70 * SECOND)
    expect(bench.tryRun('c2', 'net1', 1)).toBeInstanceOf(AttachError)
    const other = bench.docker('c3', 'net1', 1)
    expect(formatIpv4(other.address)).toBe('10.0.9.4')
    expect(bench.tryRun('c4', 'net1', 1, c2.address)).toBeInstanceOf(AttachError)
  })
})

describe('addresses', () => {
  const network = (options: object) => {
    const bench = new DockerBench(2, options)
    bench.startDaemons()
    bench.startNetwork('net1', 1)
    return bench
  }
  const given = (bench: DockerBench, name: string, host: number) =>
    formatIpv4(bench.docker(name, 'net1', host).address)

  it('are chosen within the range, the gateway too, around those that are kept back', () => {
    const bench = network({
      subnet: '10.7.0.0/24',
      ipRange: '10.7.0.64/30',
      auxAddresses: { probe: '10.7.0.66' },
    })
    expect(given(bench, 'c1', 1)).toBe('10.7.0.65')
    expect(given(bench, 'c2', 2)).toBe('10.7.0.67')
    expect(bench.tryRun('c3', 'net1', 1)).toMatchObject({
      message: expect.stringMatching(
        /^docker: .*no available IPv4 addresses on this network's address pools: net1 \([0-9a-f]{64}\)$/,
      ),
    })
    // By name any address of the subnet is to be had.
    const wanted = bench.tryRun('c4', 'net1', 1, ipv4('10.7.0.200'))
    expect(wanted).toMatchObject({ address: ipv4('10.7.0.200') })
    expect(bench.tryRun('c5', 'net1', 2, ipv4('10.7.0.200'))).toMatchObject({
      message: expect.stringContaining('Address already in use'),
    })
    expect(bench.tryRun('c6', 'net1', 2, ipv4('10.8.0.1'))).toMatchObject({
      message: expect.stringContaining("does not belong to any of this network's subnets"),
    })
    expect(sandboxes(bench, 1)[0]!.hasAddress(ipv4('10.7.0.64'))).toBe(true)
  })

  it('leave out a gateway that is given', () => {
    const bench = network({ subnet: '10.7.0.0/29', gateway: '10.7.0.2' })
    expect([given(bench, 'c1', 1), given(bench, 'c2', 2)]).toEqual(['10.7.0.1', '10.7.0.3'])
  })

  it('of a network that overlaps another are refused', () => {
    const bench = network({ subnet: '10.7.0.0/24' })
    bench.startNetwork('net2', 2, { subnet: '10.7.0.0/25' })
    expect(bench.daemon('net2', 2).log).toContain(
      'network create net2: Pool overlaps with other one on this address space',
    )
  })

  it('are all different where hosts start containers at the same time', () => {
    const bench = network({ subnet: '10.7.0.0/24' })
    const endpoints = bench.startAtOnce('net1', 8)
    expect(new Set(endpoints.map(({ address }) => address)).size).toBe(16)
    const count = bench.listing().find(({ key }) => key.includes('endpoint_count/'))!
    expect(count.value).toBe('{"Count":16}')
  })
})

describe('what the scenario file is checked for', () => {
  const host = (name: string, containers: number) => ({
    name,
    address: ipv4('192.168.0.1'),
    mtu: 1500,
    containers,
  })
  const check = (given: object, store: { kind: string; version: string } | null = ETCD) =>
    dockerOverlayScheme.check!(dockerOverlayScheme.options.parse(given), {
      network: 'net',
      mode: 'l2',
      fabricSubnet: prefix('192.168.0.0/16'),
      store,
      hosts: [host('h1', 3), host('h2', 3)],
    })
  const ETCD = { kind: 'etcd', version: '3.4' }

  it('admits what works', () => {
    expect(check({})).toEqual([])
    expect(check({ subnet: '10.0.9.0/28', ipRange: '10.0.9.8/29', gateway: '10.0.9.1' })).toEqual(
      [],
    )
  })

  it('wants a store that it can ask', () => {
    const remedy = 'store: { kind: etcd }, or consul; or mode: swarm, which needs none'
    expect(check({}, null)).toMatchObject([{ path: ['scheme'], remedy }])
    expect(check({}, { kind: 'consul', version: '1.8' })).toEqual([])
    expect(check({}, { kind: 'kube', version: '1' })).toMatchObject([{ path: ['scheme'], remedy }])
  })

  it.each([
    [{ subnet: '10.0.9.0/29' }, ['subnet'], 'share 5'],
    [{ subnet: '10.0.9.0/24', ipRange: '10.0.8.0/24' }, ['ipRange'], 'not within'],
    [{ subnet: '10.0.9.0/24', gateway: '10.0.8.1' }, ['gateway'], 'not in 10.0.9.0/24'],
    [{ gateway: '10.0.8.1' }, ['gateway'], 'without its subnet'],
    [{ gatewayBridgeSubnet: '192.168.5.0/24' }, ['gatewayBridgeSubnet'], 'overlaps'],
    [{ mtu: 100 }, ['mtu'], 'leaves 50 bytes'],
  ])('%j', (given, path, message) => {
    expect(check(given)).toMatchObject([{ path, message: expect.stringContaining(message) }])
  })
})
