/** Who can talk to whom over macvlan, on a switch that reflects frames and on one that does not. */
import { describe, expect, it } from 'vitest'
import { linkAdd } from '../../src/host/device-factory.ts'
import { LinkError } from '../../src/host/link-error.ts'
import type { MacvlanMode } from '../../src/host/macvlan.ts'
import { hostAddress, Lab } from '../lab/lab.ts'
import { canPing } from '../lab/probes.ts'
import { macvlanChild } from '../lab/schemes.ts'

const ADDRESSES = { a: '192.168.50.101', b: '192.168.50.102', r: '192.168.50.103' }

/** Children a and b of host 1 and r of host 2. */
function children(mode: MacvlanMode, isReflective: boolean): Lab {
  const lab = new Lab({ at: 1e12 })
  lab.underlay(2)
  for (const port of ['p1', 'p2']) lab.setHairpin('sw', 'sw0', port, isReflective)
  macvlanChild(lab, 1, 'a', mode)
  if (mode !== 'passthru') macvlanChild(lab, 1, 'b', mode)
  macvlanChild(lab, 2, 'r', mode)
  for (const [node, address] of Object.entries(ADDRESSES)) {
    if (lab.nodeNames().includes(node)) lab.on(node).addr.add(`${address}/24`, 'eth0')
  }
  return lab
}

describe('macvlan', () => {
  it.each<[MacvlanMode, string, string, string, string, string, string]>([
    ['bridge', 'normal', 'yes', 'no', 'no', 'yes', 'yes'],
    ['bridge', 'reflective', 'yes', 'yes', 'yes', 'yes', 'yes'],
    ['private', 'normal', 'no', 'no', 'no', 'yes', 'yes'],
    ['private', 'reflective', 'no', 'yes', 'yes', 'yes', 'yes'],
    ['vepa', 'normal', 'no', 'no', 'no', 'yes', 'yes'],
    ['vepa', 'reflective', 'yes', 'yes', 'yes', 'yes', 'yes'],
    ['passthru', 'normal', '-', 'no', 'no', 'no', 'yes'],
    ['passthru', 'reflective', '-', 'no', 'no', 'no', 'yes'],
  ])('%s, %s switch', (mode, kind, sibling, aToHost, hostToA, aToH2, aToRemote) => {
    const lab = children(mode, kind === 'reflective')
    const ping = (from: string, to: string) => (canPing(lab, from, to) ? 'yes' : 'no')
    expect({
      hostToA: ping('h1', ADDRESSES.a),
      aToHost: ping('a', hostAddress(1)),
      sibling: mode === 'passthru' ? '-' : ping('a', ADDRESSES.b),
      aToH2: ping('a', hostAddress(2)),
      aToRemote: ping('a', ADDRESSES.r),
    }).toEqual({ hostToA, aToHost, sibling, aToH2, aToRemote })
    expect(lab.ledger.imbalance()).toBe(0)
  })

  it('in passthru mode has the MAC of its parent, which turns promiscuous, and no sibling', () => {
    const lab = children('passthru', false)
    const parent = lab.device('h1', 'eth0')
    expect(lab.device('a', 'eth0').mac).toBe(parent.mac)
    expect(parent.promiscuity).toBe(1)
    const second = linkAdd(lab.namespace('h1'), {
      name: 'mvb',
      type: 'macvlan',
      lower: parent,
      mode: 'passthru',
    })
    expect(second).toBeInstanceOf(LinkError)
    expect(second).toMatchObject({ errno: 'EINVAL' })
  })

  it('lets a host reach its own child by a child of its own', () => {
    const lab = children('bridge', false)
    const host = lab.on('h1')
    host.link.add({
      name: 'mvh',
      type: 'macvlan',
      lower: lab.device('h1', 'eth0'),
      mode: 'bridge',
    })
    host.addr.add('192.168.50.201/32', 'mvh')
    host.link.up('mvh')
    lab.route('h1', '192.168.50.101/32', { dev: 'mvh' })
    expect(canPing(lab, 'h1', ADDRESSES.a)).toBe(true)
  })
})
