import { expect, it } from 'vitest'
import { chainName, ruleHashes } from './names.ts'

/** As they stand in the iptables-save of many a bug report. */
it('gives rules the hashes that a real Felix gives them', () => {
  expect(ruleHashes('FORWARD', ['--jump cali-FORWARD'])).toEqual(['wUHhoiAYhphO9Mso'])
  expect(ruleHashes('INPUT', ['--jump cali-INPUT'])).toEqual(['Cz_u1IQiXIMmKD4c'])
  expect(ruleHashes('OUTPUT', ['--jump cali-OUTPUT'])).toEqual(['tVnHkvAo15HuiPy0'])
})

it('hashes only what is too long for the name of a chain', () => {
  expect(chainName('cali-pri-', 'kns.default')).toBe('cali-pri-kns.default')
  expect(chainName('cali-pri-', 'a'.repeat(19))).toBe(`cali-pri-${'a'.repeat(19)}`)
  expect(chainName('cali-pri-', 'ksa.kube-system.coredns')).toBe('cali-pri-_u2Tn2rSoAPffvE7JO6')
})
