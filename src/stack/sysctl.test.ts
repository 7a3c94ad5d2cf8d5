import { describe, expect, it } from 'vitest'
import { SECOND } from '../sim/units.ts'
import { KERNEL_PROFILES } from './kernel-profile.ts'
import { withSysctls } from './sysctl.ts'

const base = KERNEL_PROFILES['6.18']!

describe('withSysctls', () => {
  it('changes the settings that it names, in the units of the kernel', () => {
    const changed = withSysctls(
      base,
      new Map([
        ['net.ipv4.neigh.default.gc_thresh3', '8192'],
        ['net.ipv4.neigh.default.base_reachable_time_ms', '15000'],
        ['net.ipv4.route.mtu_expires', '60'],
      ]),
    )
    expect(changed.neighbour.gcThresh3).toBe(8192)
    expect(changed.neighbour.baseReachableTime).toBe(15 * SECOND)
    expect(changed.pmtuExpires).toBe(60 * SECOND)
    expect(changed.neighbour.gcThresh1).toBe(base.neighbour.gcThresh1)
    expect(base.neighbour.gcThresh3).toBe(1024)
  })

  it('refuses what the model does not know, and what is no number', () => {
    const set = (name: string, value: string) => () => withSysctls(base, new Map([[name, value]]))
    expect(set('net.ipv4.tcp_rmem', '1')).toThrow(/net\.ipv4\.tcp_rmem/)
    expect(set('net.ipv4.ip_default_ttl', 'many')).toThrow(RangeError)
  })
})
