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
      ...{ dst: '10.20.128.0', dev: 'eth0', lladdr: '02:42:0a:14:80:00', state: ['REACHABLE'] },
    })
    expect(await lines('c1', 'ip', 'neigh', '--at', '60s')).toEqual([
      '10.20.128.0 dev eth0 lladdr 02:42:0a:14:80:00 STALE ',
    ])
  })

  it('ip link and ip addr', async () => {
    expect((await json('h1', 'ip', 'link')).map(({ ifname, mtu }) => [ifname, mtu])).toEqual([
      ['lo', 65536],
      ['eth0', 1500],
    ])
    expect((await lines('h1', 'ip', 'link'))[2]).toMatch(
      /^2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500/,
    )
    const [, eth0] = await json('c2', 'ip', 'addr')
    expect(eth0).toMatchObject({
      ifname: 'eth0',
      linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } },
      addr_info: [{ local: '10.20.128.0', prefixlen: 16 }],
    })
    expect((await lines('c2', 'ip', 'addr')).at(-1)).toBe(
      '    inet 10.20.128.0/16 brd 10.20.255.255 scope global eth0',
    )
  })

  it('bridge fdb', async () => {
    const [row] = await json('h1', 'bridge', 'fdb')
    expect(row).toEqual({
      ...{ mac: '02:42:0a:14:00:01', ifname: 'eth0', flags: ['self'], state: 'permanent' },
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
  })

  it('mac of a switch', async () => {
    const [head, ...rows] = await lines('leaf1', 'mac')
    expect(head).toMatch(/^vlan +mac +type +port +age$/)
    expect(rows).toHaveLength(2)
    expect((await json('leaf1', 'mac')).map(({ mac, port, vlan }) => [mac, port, vlan])).toEqual([
      ['02:42:0a:14:00:01', 'p1', 1],
      ['02:42:0a:14:80:00', 'p2', 1],
    ])
    expect(await lines('leaf1', 'mac', '--at', '999ms')).toHaveLength(1)
  })

  it.each([
    [['h9', 'ip', 'route'], 'there is no node "h9"; did you mean "h1"?'],
    [['firewall', 'ip', 'route'], 'nodes: h1, h2, leaf1, c1, c2'],
    [['h1', 'ip', 'rote'], 'cannot show "ip rote"; did you mean "ip route"?'],
    [['h1', 'constructor'], 'what can be shown: ip route, ip neigh'],
    [['leaf1', 'ip', 'route'], 'leaf1 is a switch: it can show "mac"'],
    [['leaf1', 'mac', '--set', 'fabric.mode=cloud'], 'has no table to show'],
    [['h1'], "missing required argument 'command'"],
    [['h1', 'ip', 'route', '--at', '5'], '--at: "5" has no unit'],
    [['h1', 'ip', 'route', '--variant', 'x'], 'has no variant "x"'],
  ])('%j is status 2', async (args, message) => {
    const { status, stdout, stderr } = await inspect(...args)
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})
