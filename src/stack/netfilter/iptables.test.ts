import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import { Simulator } from '../../sim/simulator.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import { NetNamespace } from '../namespace.ts'
import { Iptables } from './iptables.ts'
import { IptablesError } from './words.ts'

function namespace(): NetNamespace {
  const kernel = new Kernel(new Simulator('1'), new Ledger(), 'h1', KERNEL_PROFILES['6.18']!)
  return new NetNamespace(kernel, 'h1')
}

/** Rules as `iptables-save` prints them, without comments, policies and COMMIT. */
function rulesOf(iptables: Iptables): string[] {
  return iptables
    .save()
    .split('\n')
    .filter((line) => line.startsWith('-A'))
}

function errorOf(action: () => void): IptablesError {
  try {
    action()
  } catch (error) {
    if (error instanceof IptablesError) return error
    throw error
  }
  throw new Error('no error')
}

/** Chains that rules of the tables below jump to. */
const CHAINS = ':abc -\n:FLANNEL-FWD -\n:DOCKER-USER -\n'

describe('what iptables-save prints', () => {
  // Both columns are from iptables 1.8.9 (legacy) on Linux: what was typed, and what it saved.
  it.each([
    ['raw', '-A PREROUTING -i eth+ -j MARK --set-xmark 0x0/0xf0000', null],
    ['raw', '-A OUTPUT -j MARK --set-mark 1', '-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff'],
    ['raw', '-A OUTPUT -j MARK --or-mark 0x10', '-A OUTPUT -j MARK --set-xmark 0x10/0x10'],
    ['filter', '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD', null],
    [
      'filter',
      String.raw`-A FLANNEL-FWD -d 10.244.1.3 -m comment --comment "it's \"x\" \\y" -j ACCEPT`,
      String.raw`-A FLANNEL-FWD -d 10.244.1.3/32 -m comment --comment "it\'s \"x\" \\y" -j ACCEPT`,
    ],
    [
      'filter',
      '-A FLANNEL-FWD -m comment --comment "flanneld"',
      '-A FLANNEL-FWD -m comment --comment flanneld',
    ],
    ['filter', '-A FORWARD -o br0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', null],
    [
      'filter',
      '-A FORWARD -m conntrack ! --ctstate DNAT,UNTRACKED,NEW,INVALID -j ACCEPT',
      '-A FORWARD -m conntrack ! --ctstate INVALID,NEW,UNTRACKED,DNAT -j ACCEPT',
    ],
    [
      'filter',
      '-A FORWARD -i br0 ! -o br0 -j REJECT',
      '-A FORWARD -i br0 ! -o br0 -j REJECT --reject-with icmp-port-unreachable',
    ],
    [
      'filter',
      '-A FORWARD ! -i br+ -p udp --dport 1000:2000 ! --sport 53 -j DROP',
      '-A FORWARD ! -i br+ -p udp -m udp ! --sport 53 --dport 1000:2000 -j DROP',
    ],
    [
      'filter',
      '-A FORWARD -p tcp -m tcp --sport 1: -m tcp --dport :80',
      '-A FORWARD -p tcp -m tcp --sport 1:65535 -m tcp --dport 0:80',
    ],
    ['filter', '-A FORWARD -p tcp -m tcp -j ACCEPT', null],
    ['filter', '-A FORWARD ! -p 4 -j DROP', '-A FORWARD ! -p ipencap -j DROP'],
    ['filter', '-A FORWARD -p 99 -j DROP', null],
    ['filter', '-A FORWARD -p all -j DROP', '-A FORWARD -j DROP'],
    [
      'filter',
      '-A INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT',
      '-A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT',
    ],
    [
      'filter',
      '-A INPUT -p icmp --icmp-type destination-unreachable -j ACCEPT',
      '-A INPUT -p icmp -m icmp --icmp-type 3 -j ACCEPT',
    ],
    [
      'filter',
      '-A INPUT -p icmp ! --icmp-type any -j ACCEPT',
      '-A INPUT -p icmp -m icmp ! --icmp-type any -j ACCEPT',
    ],
    [
      'filter',
      '-A INPUT -m mark --mark 0x4000/0x4000 -m mark ! --mark 5 -g abc',
      '-A INPUT -m mark --mark 0x4000/0x4000 -m mark ! --mark 0x5 -g abc',
    ],
    ['filter', '-A INPUT -m addrtype ! --src-type LOCAL --dst-type LOCAL -j ACCEPT', null],
    [
      'filter',
      '-A FORWARD -m physdev --physdev-is-bridged --physdev-in=veth+ ! --physdev-out x -j ACCEPT',
      '-A FORWARD -m physdev --physdev-in veth+ ! --physdev-out x --physdev-is-bridged -j ACCEPT',
    ],
    [
      'filter',
      '-A FORWARD -s 0.0.0.0/0 -d 10.0.0.0/255.255.0.0 -j REJECT --reject-with icmp-host-prohibited',
      '-A FORWARD -d 10.0.0.0/16 -j REJECT --reject-with icmp-host-prohibited',
    ],
    [
      'filter',
      '-A INPUT -p tcp -m multiport ! --destination-ports 80,8000:8010 --sports 1 -j ACCEPT',
      '-A INPUT -p tcp -m multiport --sports 1 ! --dports 80,8000:8010 -j ACCEPT',
    ],
    ['raw', '-A PREROUTING -m rpfilter --loose --validmark --accept-local --invert -j DROP', null],
    ['raw', '-A PREROUTING -m rpfilter -j RETURN', null],
    ['raw', '-A PREROUTING -p udp -m udp --dport 4789 -j CT --notrack', null],
    ['raw', '-A OUTPUT -j NOTRACK', null],
    ['filter', '-A FORWARD -j LOG --log-prefix "a packet: " --log-level 5', null],
    ['filter', '-A FORWARD -j LOG --log-level 4', '-A FORWARD -j LOG'],
    [
      'nat',
      '-A POSTROUTING -o tunl0 -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL -j MASQUERADE',
      null,
    ],
    ['nat', '-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE', null],
    ['nat', '-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1000-2000 --random-fully', null],
    ['nat', '-A POSTROUTING -j SNAT --to-source 1.2.3.4', null],
    ['nat', '-A POSTROUTING -p udp -j SNAT --to-source 1.2.3.4:5-9 --random-fully', null],
    [
      'nat',
      '-A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80',
      '-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80',
    ],
    ['nat', '-A abc -j RETURN', null],
  ])('%s: %s', (table, typed, saved) => {
    const iptables = new Iptables(namespace())
    iptables.restore(`*${table}\n${CHAINS}${typed}\nCOMMIT`)
    expect(rulesOf(iptables)).toEqual([saved ?? typed])
  })

  it('prints tables in a fixed order, built-in chains first, own chains by name', () => {
    const iptables = new Iptables(namespace())
    iptables.run('-t nat -N ZZ')
    iptables.run('-N b')
    iptables.run('-N B')
    iptables.run('-P FORWARD DROP')
    iptables.run('-t raw -A OUTPUT -j ACCEPT')
    expect(iptables.save()).toBe(`# Generated by iptables-save
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -j ACCEPT
COMMIT
# Completed
# Generated by iptables-save
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:ZZ - [0:0]
COMMIT
# Completed
# Generated by iptables-save
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:B - [0:0]
:b - [0:0]
COMMIT
# Completed
`)
  })

  it('is empty, and sets no filter, before the first command', () => {
    const space = namespace()
    expect(new Iptables(space).save()).toBe('')
    expect(space.filter).toBe(null)
  })
})

describe('commands', () => {
  const numbered = (numbers: number[]) => numbers.map((n) => `-A INPUT -s 10.0.0.${n}/32 -j DROP`)

  it('inserts, deletes by rule and by number, and checks', () => {
    const iptables = new Iptables(namespace())
    for (const n of [1, 2, 3]) iptables.run(`-A INPUT -s 10.0.0.${n} -j DROP`)
    iptables.run('-I INPUT -s 10.0.0.4 -j DROP')
    iptables.run('-I INPUT 3 -s 10.0.0.5 -j DROP')
    expect(rulesOf(iptables)).toEqual(numbered([4, 1, 5, 2, 3]))
    iptables.run('-D INPUT 2')
    iptables.run('--delete INPUT --jump DROP --source 10.0.0.2/32')
    expect(rulesOf(iptables)).toEqual(numbered([4, 5, 3]))
    expect(iptables.run('-C INPUT -s 10.0.0.5 -j DROP')).toBe(true)
    expect(iptables.run('-C INPUT -s 10.0.0.1 -j DROP')).toBe(false)
    iptables.run('-F INPUT')
    expect(rulesOf(iptables)).toEqual([])
  })

  it('takes the table before or behind the command', () => {
    const iptables = new Iptables(namespace())
    iptables.run('-t nat -A PREROUTING -j ACCEPT')
    iptables.run('-A PREROUTING -j ACCEPT -t mangle')
    expect(iptables.save().match(/^(\*|-A).*$/gm)).toEqual([
      '*mangle',
      '-A PREROUTING -j ACCEPT',
      '*nat',
      '-A PREROUTING -j ACCEPT',
    ])
  })

  it('deletes own chains that are empty and not used', () => {
    const iptables = new Iptables(namespace())
    iptables.run('-N abc')
    iptables.run('-A INPUT -j abc')
    expect(errorOf(() => iptables.run('-X abc')).message).toContain('still used by -A INPUT -j abc')
    iptables.run('-D INPUT -j abc')
    iptables.run('-X')
    expect(iptables.save()).not.toContain('abc')
  })

  it.each([
    ['-A INPUT -j NOWHERE', 'NOWHERE'],
    ['-A INPUT -j FORWARD', 'FORWARD'],
    ['-A NOWHERE -j ACCEPT', 'NOWHERE'],
    ['-t none -A INPUT', 'none'],
    ['-A INPUT -s 10.0.0.0/33', '10.0.0.0/33'],
    ['-A INPUT -s host.example', 'host.example'],
    ['-A INPUT -d 10.0.0.0/255.0.255.0', '10.0.0.0/255.0.255.0'],
    ['-A INPUT -s 1.2.3.4 -s 1.2.3.5', '-s'],
    ['-A INPUT -o eth0', '-o'],
    ['-A OUTPUT -i eth0', '-i'],
    ['-A INPUT -i interface-too-long', 'interface-too-long'],
    ['-A INPUT -p nothing', 'nothing'],
    ['-A INPUT -p 256', '256'],
    ['-A INPUT --dport 80', '--dport'],
    ['-A INPUT ! -p udp --dport 80', '--dport'],
    ['-A INPUT -p udp --dport 80:70', '80:70'],
    ['-A INPUT -p udp --dport 65536', '65536'],
    ['-A INPUT -p udp --dport 1 --dport 2', '--dport'],
    ['-A INPUT -p udp -m tcp --dport 80', 'tcp'],
    ['-A INPUT -p icmp -m icmp -j ACCEPT', 'icmp'],
    ['-A INPUT -p icmp --icmp-type nonsense', 'nonsense'],
    ['-A INPUT -p icmp --icmp-type 3/4/5', '3/4/5'],
    ['-A INPUT -m conntrack -j ACCEPT', 'conntrack'],
    ['-A INPUT -m conntrack --ctstate NEW,OLD', 'OLD'],
    ['-A INPUT -m mark --mark 0x1ffffffff', '0x1ffffffff'],
    ['-A INPUT -m set --match-set x src', 'x'],
    ['-A INPUT -m set --match-set x up', 'up'],
    ['-A INPUT -m set', 'set'],
    ['-A INPUT -m multiport --dports 80', 'multiport'],
    [
      '-A INPUT -p tcp -m multiport --dports 1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16',
      '1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16',
    ],
    ['-A INPUT -p tcp -m multiport --dports 80,', ''],
    ['-A INPUT -m rpfilter --invert', 'INPUT'],
    [
      '-A INPUT -m addrtype --src-type LOCAL --limit-iface-in --limit-iface-out',
      '--limit-iface-out',
    ],
    ['-A INPUT -j NOTRACK', 'NOTRACK'],
    ['-t raw -A PREROUTING -j CT', 'CT'],
    ['-A INPUT -j LOG --log-level 9', '9'],
    ['-A INPUT -j LOG --log-prefix "a prefix that has more than 29"', '--log-prefix'],
    ['-A INPUT -m addrtype --dst-type BROADCAST', 'BROADCAST'],
    ['-A INPUT -m comment ! --comment x', '--comment'],
    ['-A INPUT --ctstate NEW', '--ctstate'],
    ['-A INPUT ! -j DROP', '-j'],
    ['-A INPUT -j DROP -j DROP', '-j'],
    ['-A INPUT -j DROP --reject-with x', '--reject-with'],
    ['-A INPUT -j REJECT --reject-with tcp-reset', 'tcp-reset'],
    ['-A INPUT -j MARK', 'MARK'],
    ['-A INPUT -j MARK --set-mark 1 --or-mark 2', '--or-mark'],
    ['-A INPUT -j MASQUERADE', 'MASQUERADE'],
    ['-t nat -A PREROUTING -j MASQUERADE', 'MASQUERADE'],
    ['-t nat -A POSTROUTING -j DNAT --to-destination 1.2.3.4', 'DNAT'],
    ['-t nat -A POSTROUTING -j SNAT', 'SNAT'],
    ['-t nat -A POSTROUTING -j SNAT --to-source 1.2.3.4-1.2.3.9', '1.2.3.4-1.2.3.9'],
    ['-t nat -A POSTROUTING -j SNAT --to-source 1.2.3.4:80', 'SNAT'],
    ['-t nat -A POSTROUTING -j DROP', 'DROP'],
    ['-t mangle -A FORWARD -j REJECT', 'REJECT'],
    ['-P INPUT REJECT', 'REJECT'],
    ['-N ACCEPT', 'ACCEPT'],
    ['-N a-name-that-is-longer-than-28-bytes', 'a-name-that-is-longer-than-28-bytes'],
    ['-P own DROP', 'own'],
    ['-N own', 'own'],
    ['-X INPUT', 'INPUT'],
    ['-D INPUT 1', 'INPUT'],
    ['-D INPUT -j ACCEPT', 'INPUT'],
    ['-I INPUT 2 -j ACCEPT', '2'],
    ['-I INPUT 0 -j ACCEPT', '0'],
    ['-A own -j own', 'own'],
    ['-A INPUT -F', '-F'],
    ['-F INPUT -s 1.2.3.4', '-s'],
    ['-A INPUT -m', '-m'],
    ['-A INPUT --frobnicate', '--frobnicate'],
    ['-A INPUT -m comment --comment "open', '"open'],
    ['', ''],
  ])('refuses %s, naming %s', (command, word) => {
    const iptables = new Iptables(namespace())
    iptables.run('-N own')
    // Loops count once a packet can get into them.
    iptables.run('-A FORWARD -j own')
    const before = iptables.save()
    expect(errorOf(() => iptables.run(command)).word).toBe(word)
    expect(rulesOf(iptables)).toEqual(['-A FORWARD -j own'])
    expect(iptables.save()).toContain(before.slice(before.indexOf('*filter')))
  })

  it('refuses a target that a jump would bring to the wrong hook', () => {
    const iptables = new Iptables(namespace())
    iptables.run('-t nat -N masq')
    iptables.run('-t nat -A masq -j MASQUERADE')
    iptables.run('-t nat -A POSTROUTING -j masq')
    const error = errorOf(() => iptables.run('-t nat -A OUTPUT -j masq'))
    expect(error.message).toContain('MASQUERADE: cannot be used from OUTPUT')
    expect(rulesOf(iptables)).toHaveLength(2)
  })
})

describe('restore', () => {
  it('replaces tables that it names, and only those', () => {
    const iptables = new Iptables(namespace())
    iptables.run('-A INPUT -j DROP')
    iptables.run('-N old')
    iptables.run('-t raw -A OUTPUT -j ACCEPT')
    iptables.restore('*filter\n:FORWARD DROP [7:8]\n:new - [0:0]\n[3:4] -A new -j RETURN\nCOMMIT\n')
    expect(rulesOf(iptables)).toEqual(['-A OUTPUT -j ACCEPT', '-A new -j RETURN'])
    expect(iptables.save()).toContain(':FORWARD DROP')
    expect(iptables.save()).not.toContain('old')
  })

  it('adds with noflush, but empties the chains that it declares', () => {
    const iptables = new Iptables(namespace())
    iptables.restore('*filter\n:mine -\n-A INPUT -j mine\n-A mine -j ACCEPT\nCOMMIT')
    iptables.restore('*filter\n:mine -\n-A mine -j DROP\nCOMMIT', { noflush: true })
    expect(rulesOf(iptables)).toEqual(['-A INPUT -j mine', '-A mine -j DROP'])
  })

  it.each([
    ['*filter\n-A INPUT -j ACCEPT\n-A INPUT --wrong\nCOMMIT', 3, '--wrong'],
    ['*filter\n\n# comment\n:INPUT MAYBE [0:0]\nCOMMIT', 4, 'MAYBE'],
    ['*filter\n:own DROP [0:0]\nCOMMIT', 2, 'DROP'],
    ['*filter\n:own\nCOMMIT', 2, ':own'],
    ['*filter\n-A INPUT -j ACCEPT', 3, ''],
    ['-A INPUT -j ACCEPT', 1, '-A INPUT -j ACCEPT'],
    ['*none\nCOMMIT', 1, '*none'],
    ['*filter\n-t nat -A OUTPUT -j ACCEPT\nCOMMIT', 2, '-t'],
  ])('leaves the table as it was when the text is wrong: %j', (text, line, word) => {
    const iptables = new Iptables(namespace())
    iptables.run('-A FORWARD -j DROP')
    const before = iptables.save()
    expect(errorOf(() => iptables.restore(text))).toMatchObject({ line, word })
    expect(iptables.save()).toBe(before)
  })
})

describe('a round trip through iptables-save', () => {
  const octet = fc.integer({ min: 0, max: 255 })
  const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'))
  const block = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map((parts) => parts.join('/'))
  const device = fc.constantFrom('eth0', 'cni0', 'veth+', 'br-1a2b')
  const number = fc.nat(0xffffffff).map((value) => `0x${value.toString(16)}`)
  const port = fc.nat(0xffff)
  const ports = fc.oneof(
    port.map(String),
    fc.tuple(port, port).map(([a, b]) => `${Math.min(a, b)}:${Math.max(a, b)}`),
  )
  const not = fc.constantFrom('', '! ')
  const option = (name: string, value: fc.Arbitrary<string>) =>
    fc.option(
      fc.tuple(not, value).map(([invert, text]) => `${invert}${name} ${text}`),
      { nil: '' },
    )
  const states = fc
    .subarray(['INVALID', 'NEW', 'RELATED', 'ESTABLISHED', 'SNAT', 'DNAT'], { minLength: 1 })
    .map((names) => names.join(','))
  const comment = fc
    .string({ minLength: 1, maxLength: 40 })
    .map((text) => `-m comment --comment "${text.replace(/["\\]/g, '\\$&')}"`)
  const transport = fc.oneof(
    option('-p', fc.constantFrom('47', 'esp', '4', '199')),
    fc
      .tuple(fc.constantFrom('tcp', 'udp'), option('--sport', ports), option('--dport', ports))
      .map(([name, ...rest]) => `-p ${name} -m ${name} ${rest.join(' ')}`),
    fc
      .tuple(fc.constantFrom('3', '3/4', '8', 'any', 'time-exceeded', 'host-prohibited'), not)
      .map(([type, invert]) => `-p icmp ${invert}--icmp-type ${type}`),
  )
  const matches = fc
    .tuple(
      option('-m conntrack --ctstate', states),
      option(
        '-m mark --mark',
        fc.tuple(number, number).map((parts) => parts.join('/')),
      ),
      option('-m addrtype --dst-type', fc.constant('LOCAL')),
      option('-m physdev --physdev-in', device),
      fc.option(comment, { nil: '' }),
    )
    .map((parts) => parts.map((part) => part.replace(/^! (-m \w+) /, '$1 ! ')).join(' '))
  const target = fc.oneof(
    fc.constantFrom('', '-j ACCEPT', '-j DROP', '-j RETURN', '-j one', '-g one'),
    fc.constantFrom('-j REJECT', '-j REJECT --reject-with icmp-admin-prohibited'),
    fc.tuple(number, number).map(([value, mask]) => `-j MARK --set-xmark ${value}/${mask}`),
    number.map((value) => `-j MARK --and-mark ${value}`),
  )
  const filterRule = fc
    .tuple(
      option('-s', block),
      option('-d', block),
      option('-i', device),
      option('-o', device),
      transport,
      matches,
      target,
    )
    .map((parts) => `-A FORWARD ${parts.join(' ')}`)
  const range = fc.tuple(address, port, port).map(([host, a, b]) => {
    return `${host}:${Math.min(a, b)}-${Math.max(a, b)}`
  })
  const natRule = fc.oneof(
    range.map((text) => `-A PREROUTING -p tcp -j DNAT --to-destination ${text}`),
    range.map((text) => `-A POSTROUTING -p udp -j SNAT --to-source ${text} --random-fully`),
    address.map((text) => `-A OUTPUT -j DNAT --to-destination ${text}`),
    fc.constantFrom('', '--random-fully').map((text) => `-A POSTROUTING -j MASQUERADE ${text}`),
  )

  it('gives the same rules, which -C finds', () => {
    fc.assert(
      fc.property(fc.array(filterRule), fc.array(natRule), (filterRules, natRules) => {
        const first = new Iptables(namespace())
        first.restore(`*filter\n:one -\n${filterRules.join('\n')}\nCOMMIT`)
        first.restore(`*nat\n${natRules.join('\n')}\nCOMMIT`)
        expect(rulesOf(first)).toHaveLength(filterRules.length + natRules.length)
        const second = new Iptables(namespace())
        second.restore(first.save())
        expect(second.save()).toBe(first.save())
        for (const rule of filterRules) {
          expect(second.run(rule.replace('-A', '-C'))).toBe(true)
        }
      }),
      { seed: 7, numRuns: 200 },
    )
  })
})
