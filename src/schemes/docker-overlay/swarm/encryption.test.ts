import { expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import { OverlayEncryption } from './encryption.ts'
import type { SwarmKey } from './records.ts'

const keyOf = (time: number): SwarmKey => ({
  subsystem: 'networking:ipsec',
  time,
  key: String(time).repeat(32),
})

/** A host with an endpoint of another one on an encrypted network. */
function secured(keys: readonly SwarmKey[]) {
  const lab = new HostsOnSwitch(2)
  const [host, other] = [lab.host(1), lab.address(2)]
  const encryption = new OverlayEncryption(host)
  encryption.setKeys(keys)
  encryption.addEndpoint(other, 'e1')
  const xfrm = host.root.xfrm!
  const states = (src: number) => xfrm.states.filter((state) => state.src === src)
  return {
    encryption,
    other,
    xfrm,
    opening: () => states(other),
    sealing: () => states(host.address),
  }
}

it('opens with all keys and seals with the middle one, so that nobody waits for a rotation', () => {
  const { encryption, xfrm, opening, sealing } = secured([keyOf(1), keyOf(2), keyOf(3)])
  expect([opening().length, sealing().length]).toEqual([3, 1])
  const [oldest, , newest] = opening()
  expect(sealing()[0]!.aead.key.startsWith('2222')).toBe(true)
  encryption.setKeys([keyOf(2), keyOf(3), keyOf(4)])
  expect(opening()).toHaveLength(3)
  expect(opening()).toContain(newest)
  expect(opening()).not.toContain(oldest)
  // The others could open it before.
  expect(sealing().map(({ aead }) => aead.key.slice(0, 4))).toEqual(['3333'])
  expect(newest!.aead.key.startsWith('3333')).toBe(true)
  expect(xfrm.policies).toHaveLength(1)
  expect(xfrm.policies[0]!.template!.spi).toBe(sealing()[0]!.spi)
})

it('is for as long as the other node has an endpoint, and not with keys of the gossip', () => {
  const { encryption, other, xfrm } = secured([keyOf(1), keyOf(2)])
  encryption.addEndpoint(other, 'e2')
  encryption.removeEndpoint(other, 'e1')
  expect(xfrm.states).toHaveLength(3)
  encryption.removeEndpoint(other, 'e2')
  expect(xfrm.states).toEqual([])
  expect(xfrm.policies).toEqual([])
  encryption.addEndpoint(other, 'e3')
  encryption.setKeys([{ ...keyOf(1), subsystem: 'networking:gossip' }])
  expect(xfrm.states).toEqual([])
})
