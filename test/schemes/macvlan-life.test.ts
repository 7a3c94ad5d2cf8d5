/** Engines with networks on parent interfaces: what they make, share, refuse, keep and take away. */
import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/host/host.ts'
import { AttachError, type Daemon, type Endpoint, type Scheme } from '../../src/schemes/contract.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { type Process, spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ArpPacket } from '../../src/wire/arp.ts'
import { formatIpv4, ipv4 } from '../../src/wire/ipv4-address.ts'
import { formatMac } from '../../src/wire/mac-address.ts'
import { Hosts } from './fabric.ts'

/** One host without a cable, and what its user types. */
class Engine {
  readonly lab = new Hosts(['192.168.0.1'])
  readonly host: Host = this.lab.hosts[0]!

  create(name: string, options: object, scheme = 'macvlan'): Daemon {
    const { startHost, options: schema }: Scheme = builtinSchemes.get(scheme)!
    return startHost(this.host, { ...this.lab.network(schema.parse(options)), name })
  }

  /** @returns the address, or what the engine printed. */
  run(network: Daemon, name: string, mac: number | null = null): string {
    const result = this.attach(network, name, mac)
    return result instanceof AttachError ? result.message : formatIpv4(result.address)
  }

  attach(network: Daemon, name: string, mac: number | null = null): Endpoint | AttachError {
    const namespace = this.host.containers.get(name) ?? this.host.addContainer(name)
    return this.finish(
      network.attach({
        name,
        network: 'net',
        namespace,
        device: 'eth0',
        defaultRoute: true,
        address: null,
        mac,
        labels: {},
      }),
    )
  }

  mustAttach(network: Daemon, name: string): Endpoint {
    const result = this.attach(network, name)
    if (result instanceof AttachError) throw new Error(result.message)
    return result
  }

  finish<T>(process: Process<T>): T {
    const { simulator } = this.lab
    const results: unknown[] = []
    spawn(simulator, process).done.wait(simulator, (value) => results.push(value))
    simulator.run(simulator.now)
    return results[0] as T
  }

  devices(): string[] {
    return this.host.root.devices.map(({ name }) => name)
  }

  has(container: string): boolean {
    return this.host.containers.get(container)!.device('eth0') !== undefined
  }
}

describe('a parent', () => {
  it('that is a VLAN is made with its first network and goes with the last', () => {
    const engine = new Engine()
    const one = engine.create('one', { parent: 'eth0.10' })
    const two = engine.create('two', { parent: 'eth0.10', subnet: '10.21.0.0/16' })
    const vlan = engine.host.root.device('eth0.10')!
    expect([vlan.up, vlan.mtu, vlan.details()]).toMatchObject([true, 1500, { id: 10 }])
    engine.finish(one.leave())
    expect(engine.devices()).toEqual(['eth0', 'eth0.10'])
    expect(engine.run(two, 'c')).toBe('10.21.0.2')
    engine.finish(two.leave())
    expect(engine.devices()).toEqual(['eth0'])
    expect(engine.has('c')).toBe(false)
  })

  it('that somebody made by hand stays', () => {
    const engine = new Engine()
    const { root, commands } = engine.host
    commands.link.add({ name: 'eth0.10', type: 'vlan', lower: root.device('eth0')!, id: 10 })
    engine.finish(engine.create('one', { parent: 'eth0.10' }).leave())
    expect(engine.devices()).toEqual(['eth0', 'eth0.10'])
  })

  it.each([
    ['eth7', 'invalid subinterface vlan name eth7, example formatting is eth0.10'],
    ['eth0.10.2', /^required interface name format is: name.vlan_id.*instead received eth0.10.2$/],
    ['eth0.x', 'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)'],
    ['eth7.10', '-o parent interface was not found on the host: eth7'],
    ['eth0.4095', 'vlan id must be between 1-4094, received: 4095'],
  ])('called %s is refused', (parent, message) => {
    const engine = new Engine()
    const network = engine.create('one', { parent })
    const [line] = network.log
    const printed = line!.replace('network create one: ', '')
    if (typeof message === 'string') expect(printed).toBe(message)
    else expect(printed).toMatch(message)
    expect(engine.run(network, 'c')).toBe(line)
  })

  it('has one network until 27.1, and in mode passthru in any case', () => {
    const inUse = 'network dm-one is already using parent interface eth0'
    const second = (options: object) => {
      const engine = new Engine()
      engine.create('one', options)
      return engine.create('two', { ...options, subnet: '10.21.0.0/16' }).log
    }
    expect(second({ version: '23.0' })).toEqual([`network create two: ${inUse}`])
    expect(second({ version: '27.1' })).toEqual([])
    expect(second({ mode: 'passthru' })).toEqual([`network create two: ${inUse}`])
  })

  it('serves macvlan or ipvlan, whichever has the first container', () => {
    const engine = new Engine()
    const [mac, ip] = ['macvlan', 'ipvlan'].map((scheme, i) =>
      engine.create(scheme, { subnet: `10.${20 + i}.0.0/16` }, scheme),
    )
    const first = engine.mustAttach(ip!, 'a')
    const refusal = 'failed to create the macvlan port: eth0 is in use by another device'
    expect(engine.run(mac!, 'b')).toBe(refusal)
    engine.finish(ip!.detach(first))
    // The address that it did not need is the next one's.
    expect(engine.run(mac!, 'b')).toBe('10.20.0.2')
  })

  it.each([
    [{ parent: null }, ['eth0', 'dm-net']],
    [{ internal: true, version: '20.10' }, ['eth0', 'dm-net']],
    [{ internal: true, version: '23.0' }, ['eth0']],
  ])('of a network with %o: %o', (options, devices) => {
    const engine = new Engine()
    const network = engine.create('net', options)
    const { namespace } = engine.mustAttach(network, 'c')
    expect(engine.devices()).toEqual(devices)
    const isInternal = 'internal' in options
    expect(namespace.routes.lookup(ipv4('203.0.113.1')) === null).toBe(isInternal)
    engine.finish(network.leave())
    expect(engine.devices()).toEqual(['eth0'])
  })
})

describe('the engine', () => {
  const refusal = 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.'

  it('ends containers when it is stopped, of all its networks, and gives their addresses back', () => {
    const engine = new Engine()
    const one = engine.create('one', {})
    const two = engine.create('two', { subnet: '10.21.0.0/16' })
    engine.run(one, 'a')
    engine.run(two, 'b')
    one.stop()
    expect([engine.has('a'), engine.has('b')]).toEqual([false, false])
    expect(engine.run(two, 'c')).toContain(refusal)
    two.start()
    expect(engine.run(one, 'c')).toBe('10.20.0.2')
  })

  it.each(['stop', 'crash'] as const)('starts them again if told so, after a %s', (end) => {
    const engine = new Engine()
    const network = engine.create('one', { restart: 'always' })
    for (const name of ['a', 'b']) engine.run(network, name)
    network[end]()
    expect(engine.has('a')).toBe(end === 'crash')
    network.start()
    expect([engine.has('a'), engine.has('b')]).toEqual([true, true])
    expect(engine.run(network, 'c')).toBe('10.20.0.4')
  })

  it('leaves them alone with live-restore, and finds out who has gone meanwhile', () => {
    const engine = new Engine()
    const network = engine.create('one', { liveRestore: true })
    const a = engine.mustAttach(network, 'a')
    engine.run(network, 'b')
    network.stop()
    engine.finish(network.detach(a))
    expect([engine.has('a'), engine.has('b')]).toEqual([false, true])
    network.start()
    expect(engine.has('b')).toBe(true)
    expect(engine.run(network, 'c')).toBe('10.20.0.2')
    expect(engine.run(network, 'd')).toBe('10.20.0.4')
  })

  it('makes its networks anew after a reboot, out of its own database', () => {
    const engine = new Engine()
    const network = engine.create('one', { parent: 'eth0.10', shims: { h1: '10.20.0.9' } })
    engine.run(network, 'a')
    expect(engine.devices()).toEqual(['eth0', 'eth0.10', 'mv-one'])
    network.crash()
    engine.host.powerOff()
    expect(engine.devices()).toEqual(['eth0'])
    engine.host.powerOn()
    network.start()
    expect(engine.devices()).toEqual(['eth0', 'eth0.10', 'mv-one'])
    expect(engine.has('a')).toBe(false)
    expect(engine.run(network, 'a')).toBe('10.20.0.2')
    engine.finish(network.leave())
    expect(engine.devices()).toEqual(['eth0'])
    expect(engine.run(network, 'b')).toBe('network one not found')
    network.start()
    expect(engine.run(network, 'b')).toBe('10.20.0.2')
  })

  it('announces a new address thrice from 28.0 on, and not before', () => {
    const announced = (version: string) => {
      const engine = new Engine()
      const network = engine.create('one', { version })
      const { namespace, address } = engine.mustAttach(network, 'a')
      const times: number[] = []
      namespace.device('eth0')!.tap = {
        frame: (time, { header }) => {
          const isOwn = header instanceof ArpPacket && header.targetIp === address
          if (isOwn && header.senderIp === address) times.push(time / SECOND)
        },
      }
      engine.lab.simulator.run(10 * SECOND)
      return times
    }
    expect(announced('28.0')).toEqual([1, 2])
    expect(announced('27.1')).toEqual([])
  })

  it('in mode passthru gives the NIC the address of the container, and takes it back', () => {
    const engine = new Engine()
    const { nic } = engine.host
    const before = nic.mac
    const network = engine.create('one', { mode: 'passthru' })
    const a = engine.mustAttach(network, 'a')
    expect([nic.mac, formatMac(nic.mac), nic.promiscuity]).toEqual([a.mac, '02:42:0a:14:00:02', 1])
    expect(engine.run(network, 'b')).toBe(
      'failed to create the macvlan port: eth0 has room for one child in mode passthru',
    )
    engine.finish(network.detach(a))
    expect([nic.mac, nic.promiscuity]).toEqual([before, 0])
  })

  it('gives no ipvlan container a MAC address of its own', () => {
    const engine = new Engine()
    const network = engine.create('one', {}, 'ipvlan')
    expect(engine.run(network, 'a', 0x0242_0000_0001)).toBe(
      'ipvlan interfaces do not support custom mac address assignment',
    )
    expect(engine.mustAttach(network, 'b').mac).toBe(engine.host.nic.mac)
  })
})
