/** `encap inspect`: tables at an instant, as their tools print them. */
import { afterAll, describe, expect, it } from 'vitest'
import { runHere, SCENARIO, ScenarioFile } from './program.ts'

const file = new ScenarioFile(SCENARIO.replace('loss: 10%', 'corrupt: 0%'))
afterAll(() => file.remove())

const BRIDGED = ['--variant', 'host-gw']

function inspect(...args: readonly string[]) {
  return runHere('inspect', file.path, ...args)
}

async function lines(...args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await inspect(...args)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout.split('\n').slice(0, -1)
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  return JSON.parse((await lines(...args, '-j')).join('\n'))
}

describe('inspect', () => {
  it('ip route', async () => {
    const route = ['h1', 'ip', 'route', ...BRIDGED]
    expect(await lines(...route)).toEqual([
      '10.244.0.0/24 dev cni0 proto kernel scope link src 10.244.0.1 ',
      '10.244.1.0/24 via 192.168.0.2 dev eth0 ',
      '192.168.0.0/16 dev eth0 proto kernel scope link src 192.168.0.1 ',
    ])
    expect((await json(...route))[1]).toEqual({
      ...{ dst: '10.244.1.0/24', gateway: '192.168.0.2', dev: 'eth0', flags: [] },
    })
  })

  it('ip neigh, as of the instant that is asked for', async () => {
    expect(await lines('c1', 'ip', 'neigh', '--at', '999ms')).toEqual([])
    expect(await json('c1', 'ip', 'neigh', '--at', '999ms')).toEqual([])
    const [row] = await json('c1', 'ip', 'neigh', '--at', '1100ms')
    expect(row).toEqual({
      ...{ dst: '10.20.128.1', dev: 'eth0', lladdr: '02:42:0a:14:80:01', state: ['REACHABLE'] },
    })
    expect(await lines('c1', 'ip', 'neigh', '--at', '60s')).toEqual([
      '10.20.128.1 dev eth0 lladdr 02:42:0a:14:80:01 STALE ',
    ])
  })

  it('ip link', async () => {
    const [lo, eth0] = await json('h1', 'ip', 'link')
    expect(lo).toMatchObject({ ifname: 'lo', mtu: 65536, link_type: 'loopback' })
    expect(JSON.stringify(eth0)).toBe(
      '{"ifindex":2,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,' +
        '"qdisc":"fq_codel","operstate":"UP","linkmode":"DEFAULT","group":"default","txqlen":1000,' +
        '"link_type":"ether","address":"52:54:00:00:00:01","broadcast":"ff:ff:ff:ff:ff:ff"}',
    )
    expect((await lines('h1', 'ip', 'link')).slice(2)).toEqual([
      '2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP mode DEFAULT group default qlen 1000',
      '    link/ether 52:54:00:00:00:01 brd ff:ff:ff:ff:ff:ff',
    ])
  })

  it('ip addr', async () => {
    const [, eth0] = await json('c2', 'ip', '-d', 'addr')
    expect(eth0).toMatchObject({
      ...{ ifname: 'eth0', link_index: 2, link_netnsid: 0 },
      linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
      addr_info: [{ local: '10.20.128.1', prefixlen: 16, broadcast: '10.20.255.255' }],
    })
    expect((await lines('c2', 'ip', 'addr', 'show', 'dev', 'eth0')).slice(-3)).toEqual([
      '    link/ether 02:42:0a:14:80:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0',
      '    inet 10.20.128.1/16 brd 10.20.255.255 scope global eth0',
      '       valid_lft forever preferred_lft forever',
    ])
  })

  it('options and words as the tools take them', async () => {
    expect(await lines('h1', 'ip', 'r', 'show', 'dev', 'cni0', ...BRIDGED)).toEqual([
      '10.244.0.0/24 proto kernel scope link src 10.244.0.1 ',
    ])
    expect(await lines('h1', 'ip', '-d', 'route', ...BRIDGED)).toContain(
      'unicast 10.244.1.0/24 via 192.168.0.2 dev eth0 proto boot scope global ',
    )
    const [, port] = await json('h1', 'ip', '-d', 'link', 'ls', 'veth0', ...BRIDGED).then(
      (rows) => [rows.length, rows[0]],
    )
    expect(port).toMatchObject({
      ...{ ifname: 'veth0', master: 'cni0', promiscuity: 1 },
      linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge' },
    })
    const [eth0] = await json('h1', 'ip', '-s', 'link', 'show', 'eth0')
    const { rx } = eth0!['stats64'] as { rx: { bytes: number; packets: number } }
    expect((await lines('h1', 'ip', '-s', 'link', 'show', 'eth0')).slice(2, 4)).toEqual([
      '    RX:  bytes packets ',
      `        ${`${rx.bytes}`.padStart(6)} ${`${rx.packets}`.padStart(7)} `,
    ])
    const [stale] = await lines('c1', 'ip', '-s', 'neigh', '--at', '60s')
    expect(stale).toMatch(/ lladdr 02:42:0a:14:80:01 {2}used \d+\/\d+\/\d+probes \d STALE $/)
    expect((await lines('h1', 'ip', 'route', '-j')).join('')).not.toContain(' ')
    expect(await lines('h1', 'ip', 'route', '-j', '-p')).toContain('        "dev": "eth0",')
  })

  it('bridge fdb', async () => {
    const [row] = await json('h1', 'bridge', 'fdb')
    expect(row).toEqual({
      ...{ mac: '02:42:0a:14:00:02', ifname: 'eth0', flags: ['self'], state: 'permanent' },
    })
    expect(await lines('h1', 'bridge', 'fdb', ...BRIDGED)).toContainEqual(
      expect.stringMatching(/ dev veth0 master cni0/),
    )
  })

  it('iptables-save, which prints nothing where there are no rules', async () => {
    expect(await lines('h1', 'iptables-save')).toEqual([])
    expect(await json('h1', 'iptables-save')).toEqual([{ rules: '' }])
    const rules = await lines('h1', 'iptables-save', ...BRIDGED)
    expect(rules).toContain('*filter')
    expect(await json('h1', 'iptables-save', ...BRIDGED)).toEqual([
      { rules: `${rules.join('\n')}\n` },
    ])
    const nat = await lines('h1', 'iptables-save', '-t', 'nat', ...BRIDGED)
    expect(nat.filter((line) => line.startsWith('*'))).toEqual(['*nat'])
    expect(rules.join('\n')).toContain(nat.join('\n'))
  })

  it('mac of a switch, as IOS has it', async () => {
    const text = await lines('leaf1', 'mac', '--at', '1100ms')
    expect(text.slice(3)).toEqual([
      '  vlan     mac address     type  learn     age      ports',
      '------+----------------+--------+-----+----------+--------------------------',
      '*    1  0242.0a14.0002  dynamic  Yes          0   p1',
      '*    1  0242.0a14.8001  dynamic  Yes          0   p2',
    ])
    expect(await lines('switch', 'mac', '--at', '1100ms')).toEqual(text)
    expect(await lines('leaf1', 'show', 'mac', 'address-table', '--at', '1100ms')).toEqual(text)
    expect((await json('leaf1', 'mac')).map(({ mac, port, vlan }) => [mac, port, vlan])).toEqual([
      ['02:42:0a:14:00:02', 'p1', 1],
      ['02:42:0a:14:80:01', 'p2', 1],
    ])
    expect(await lines('leaf1', 'mac', '--at', '999ms')).toHaveLength(5)
  })

  it('fib and arp of a router, as IOS has them', async () => {
    const gateway = ['--set', 'fabric.gateway=true', ...BRIDGED]
    expect(await lines('gateway', 'fib', ...gateway)).toEqual([
      'Prefix               Next Hop             Interface',
      '192.168.0.0/16       attached             vlan1',
      '203.0.113.0/24       attached             vlan2',
    ])
    expect((await json('router', 'fib', ...gateway))[0]).toEqual({
      ...{ prefix: '192.168.0.0/16', nexthops: [{ nexthop: 'attached', interface: 'vlan1' }] },
    })
    expect((await lines('gateway', 'arp', ...gateway)).slice(0, 2)).toEqual([
      'Protocol  Address          Age (min)  Hardware Addr   Type   Interface',
      'Internet  192.168.255.254          -   5254.0100.0001  ARPA   vlan1',
    ])
    expect(await lines('gateway', 'ip', 'route', ...gateway)).toContain(
      '192.168.0.0/16 dev vlan1 proto kernel scope link src 192.168.255.254 ',
    )
  })

  it.each([
    [['h9', 'ip', 'route'], 'there is no node "h9"; did you mean "h1"?'],
    [['firewall', 'ip', 'route'], 'nodes: h1, h2, leaf1, c1, c2'],
    [['h1', 'ip', 'rote'], 'cannot show "ip rote"; did you mean "ip route"?'],
    [['h1', 'constructor'], 'what can be shown: ip route, ip neigh'],
    [['leaf1', 'ip', 'route'], 'leaf1 is a switch: it can show "mac"'],
    [['h1', 'mac'], 'h1 is not a switch: of MAC addresses it can show "bridge fdb"'],
    [['h1', 'fib'], 'what can be shown: ip route, ip neigh'],
    [['router', 'arp'], 'there is no node "router"'],
    [['h1', 'ip', 'link', 'show', 'eth9'], 'no device "eth9" in h1; did you mean "eth0"?'],
    [['h1', 'ip', 'neigh', 'show', '10.0.0.1'], 'after "ip neigh show" it is "dev NAME"'],
    [['h1', 'bridge', 'link'], 'cannot show "bridge link"'],
    [['leaf1', 'mac', '--set', 'fabric.mode=cloud'], 'has no table to show'],
    [['h1'], 'what of h1 is to be shown is not said; one of ip route'],
    [['store'], 'the scenario has no store'],
    [['h1', 'ip', 'route', '--at', '5'], '--at: "5" has no unit'],
    [['h1', 'ip', 'route', '--variant', 'x'], 'has no variant "x"'],
  ])('%j is status 2', async (args, message) => {
    const { status, stdout, stderr } = await inspect(...args)
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})
