import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice } from '../../test/device-bench.ts'
import { flatCosts } from '../../test/test-costs.ts'
import { Machine } from '../cpu/machine.ts'
import { Port } from '../link/port.ts'
import { MICROSECOND } from '../sim/units.ts'
import { KERNEL_PROFILES } from '../stack/kernel-profile.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { Bridge } from './bridge.ts'
import { Commands } from './commands.ts'
import { Host } from './host.ts'

const addressing = (number: number) => ({
  address: ipv4(`10.0.0.${number}`),
  prefixLength: 24,
  gateway: number === 1 ? ipv4('10.0.0.2') : null,
})

describe('Host', () => {
  it('has a machine and a NIC of its own, with its options', () => {
    const bench = new DeviceBench()
    const { simulator, ledger } = bench
    const hosts = [1, 2].map((number) =>
      Host.cabled(simulator, ledger, `h${number}`, {
        ...addressing(number),
        kernel: KERNEL_PROFILES['6.18']!,
        machine: new Machine(simulator, ledger, `h${number}`, 4, flatCosts(100)),
        mtu: 1500,
        mac: 0x020000000000 + number,
        features: { tso: false },
        rss: 'addresses',
      }),
    )
    const [a, b] = hosts as [Host, Host]
    Port.connect(a.port!, b.port!, { rate: 1e9, delay: MICROSECOND })
    expect([a.nic.features.tso, a.nic.features.gro]).toEqual([false, true])
    expect(a.kernel.machine).not.toBe(b.kernel.machine)
    let replies = 0
    const socket = a.root.sockets.openEcho()
    const reader = a.kernel.task('reader', () => {
      if (socket.receive() === null) return false
      replies++
      return true
    })
    socket.onReadable = () => reader.wake()
    const sender = a.kernel.task('sender', () => {
      expect(socket.request(b.address, 1, 56)).toBeNull()
      return false
    })
    sender.wake()
    bench.run(1)
    expect([replies, ledger.imbalance()]).toEqual([1, 0])
    for (const { kernel } of hosts) expect(kernel.machine!.unaccounted).toBe(0)
  })

  it('may share its kernel with others, its eth0 being one end of a veth pair', () => {
    const bench = new DeviceBench()
    const fabric = bench.namespace('sw')
    const bridge = new Bridge(fabric, 'sw0', 0x020000000099, {})
    fabric.addDevice(bridge)
    bridge.setUp(true)
    const hosts = [1, 2].map(
      (number) =>
        new Host(bench.kernel, `h${number}`, addressing(number), (root) => {
          const peer = { name: `p${number}`, namespace: fabric }
          new Commands(root).link.add({ type: 'veth', name: 'eth0', peer })
          bridge.addPort(hostDevice(fabric, peer.name))
          hostDevice(fabric, peer.name).setUp(true)
          return hostDevice(root, 'eth0')
        }),
    )
    expect(hosts.map(({ port, kernel }) => [port, kernel === bench.kernel])).toEqual([
      [null, true],
      [null, true],
    ])
    expect(hosts[0]!.root.devices).toHaveLength(1)
    expect(bench.ping(hosts[0]!.root, '10.0.0.2')).toBe(true)
    expect(`${hosts[0]!.root.routes.lookup(ipv4('8.8.8.8'))}`).toContain('via 10.0.0.2 dev eth0')
  })

  it('changes offloads as ethtool does', () => {
    const bench = new DeviceBench()
    const device = bench.join(bench.namespace('a'), bench.namespace('b'))[0]
    new Commands(device.namespace).ethtool('eth0', { txChecksum: false, gro: false })
    expect(device.features).toMatchObject({
      txChecksum: false,
      tso: false,
      gro: false,
      rxChecksum: true,
    })
  })
})
