import { beforeEach, describe, expect, it } from 'vitest'
import { Ledger } from '../../measure/ledger.ts'
import { Simulator } from '../../sim/simulator.ts'
import { Kernel } from '../kernel.ts'
import { KERNEL_PROFILES } from '../kernel-profile.ts'
import { NetNamespace } from '../namespace.ts'
import { Iptables } from '../netfilter/iptables.ts'
import { Ipset } from './ipset.ts'
import { IpsetError } from './ipset-error.ts'

let namespace: NetNamespace
let ipset: Ipset

beforeEach(() => {
  const kernel = new Kernel(new Simulator('1'), new Ledger(), 'machine', KERNEL_PROFILES['6.18']!)
  namespace = new NetNamespace(kernel, 'h1')
  ipset = new Ipset(namespace)
})

function errorOf(act: () => unknown): IpsetError {
  try {
    act()
  } catch (error) {
    if (error instanceof IpsetError) return error
    throw error
  }
  throw new Error('no error')
}

it('prints what was put in, sets by name and members by address', () => {
  ipset.restore(`
    create b hash:net
    add b 10.244.1.0/26
    add b 9.0.0.1
    add b 10.0.0.0/8
    create a hash:ip,port family inet hashsize 64 maxelem 100
    add a 10.0.0.2,udp:53
    add a 10.0.0.2,tcp:53
    COMMIT`)
  expect(ipset.save()).toBe(
    [
      'create a hash:ip,port family inet hashsize 64 maxelem 100',
      'add a 10.0.0.2,tcp:53',
      'add a 10.0.0.2,udp:53',
      'create b hash:net family inet hashsize 1024 maxelem 65536',
      'add b 9.0.0.1',
      'add b 10.0.0.0/8',
      'add b 10.244.1.0/26',
      '',
    ].join('\n'),
  )
  const again = new Ipset(new NetNamespace(namespace.kernel, 'h2'))
  again.restore(ipset.save())
  expect(again.save()).toBe(ipset.save())
})

describe('test', () => {
  it.each([
    ['hash:ip', ['10.0.0.1'], '10.0.0.1', true],
    ['hash:ip', ['10.0.0.1'], '10.0.0.2', false],
    ['hash:net', ['10.0.0.0/8', '10.1.0.0/16'], '10.1.2.3', true],
    ['hash:net', ['10.0.0.0/8'], '11.0.0.0', false],
    ['hash:net', ['10.0.0.0/8'], '10.0.0.0/9', false],
    ['hash:net', ['10.0.0.0/8'], '10.0.0.0/8', true],
    ['hash:ip,port', ['10.0.0.1,tcp:80'], '10.0.0.1,tcp:80', true],
    ['hash:ip,port', ['10.0.0.1,tcp:80'], '10.0.0.1,udp:80', false],
    ['hash:ip,port', ['10.0.0.1,tcp:80'], '10.0.0.1,tcp:81', false],
  ])('%s with %j: %s is in it: %s', (type, members, asked, expected) => {
    ipset.run(`create s ${type}`)
    for (const member of members) ipset.run(`add s ${member}`)
    expect(ipset.run(`test s ${asked}`)).toBe(expected)
    for (const member of members) ipset.run(`del s ${member}`)
    expect(ipset.run(`test s ${asked}`)).toBe(false)
    expect(ipset.find('s')!.size).toBe(0)
  })
})

it('is full at maxelem', () => {
  ipset.run('create s hash:ip maxelem 2')
  ipset.run('add s 10.0.0.1')
  ipset.run('add s 10.0.0.2')
  expect(errorOf(() => ipset.run('add s 10.0.0.3')).message).toBe(
    'ipset: Hash is full, cannot add more elements',
  )
  ipset.run('del s 10.0.0.1')
  expect(ipset.run('add s 10.0.0.3')).toBe(true)
})

it.each([
  ['create s hash:ip', 's', 'same name'],
  ['create t list:set', 'list:set', 'not modelled'],
  ['create t hash:ip timeout 5', 'timeout', 'Unknown argument'],
  [`create ${'x'.repeat(32)} hash:ip`, 'x'.repeat(32), 'longer than 31'],
  ['add s 10.0.0.1', '10.0.0.1', 'already added'],
  ['add s 10.0.0.0/24', '10.0.0.0/24', 'Syntax error'],
  ['add n 0.0.0.0/0', '0.0.0.0/0', 'Syntax error'],
  ['add p 10.0.0.1,icmp:8', '10.0.0.1,icmp:8', 'Syntax error'],
  ['del s 10.0.0.9', '10.0.0.9', 'not added'],
  ['add none 10.0.0.1', 'none', 'does not exist'],
  ['swap s n', 'n', 'type does not match'],
  ['swap s none', 'none', 'second set does not exist'],
  ['rename s n', 'n', 'new name already exists'],
  ['add s', '', 'Missing'],
  ['explode s', 'explode', 'Unknown command'],
])('refuses %s', (command, word, message) => {
  ipset.restore('create s hash:ip\nadd s 10.0.0.1\ncreate n hash:net\ncreate p hash:ip,port')
  const before = ipset.save()
  const error = errorOf(() => ipset.run(command))
  expect(error.word).toBe(word)
  expect(error.message).toContain(message)
  expect(ipset.save()).toBe(before)
})

it('takes again what is there already when it is told to', () => {
  ipset.restore('create s hash:ip\ncreate s hash:ip -exist\nadd s 10.0.0.1\nadd -exist s 10.0.0.1')
  ipset.run('del s 10.0.0.2 -!')
  expect(ipset.find('s')!.members()).toEqual(['10.0.0.1'])
  expect(errorOf(() => ipset.restore('flush s\nadd s nonsense')).line).toBe(2)
})

it('keeps a set that a rule asks, under its name; a swap gives the rule other members', () => {
  const iptables = new Iptables(namespace)
  ipset.restore('create s hash:ip\nadd s 10.0.0.1\ncreate t hash:ip')
  iptables.run('-A FORWARD -m set ! --match-set s src -j DROP')
  expect(iptables.save()).toContain('-A FORWARD -m set ! --match-set s src -j DROP')
  expect(errorOf(() => ipset.run('destroy s')).message).toContain('in use by a kernel component')
  expect(errorOf(() => ipset.run('rename s u')).message).toContain('in use')
  expect(errorOf(() => ipset.run('destroy')).message).toContain('in use')
  ipset.run('swap s t')
  expect(ipset.find('s')!.size).toBe(0)
  expect(ipset.find('t')!.members()).toEqual(['10.0.0.1'])
  expect(ipset.list()).toContain('Name: s\nType: hash:ip\n')
  expect(ipset.list()).toContain('References: 1\nNumber of entries: 0\n')
  iptables.run('-F FORWARD')
  ipset.run('destroy s')
  expect([...namespace.ipsets.keys()]).toEqual(['t'])
})
