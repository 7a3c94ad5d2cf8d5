/** The lab's networks with an MTU set wrong: cases A to F of kernel-lab.md section 6. */
import type { Lab } from '../lab/lab.ts'
import { dockerOverlay } from '../lab/overlay.ts'
import { flannelVxlan, type Setup } from '../lab/schemes.ts'

export function routed(lab: Lab): Setup {
  return flannelVxlan(lab, 1500)
}

export function routedWithoutIcmp(lab: Lab): Setup {
  const setup = routed(lab)
  lab.on('h1').iptables.run('-I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP')
  return setup
}

const bridged1450 = { containerMtu: 1500, bridgeMtu: 1450, vxlanMtu: 1450 }
const bridged1500 = { containerMtu: 1500, bridgeMtu: 1500, vxlanMtu: 1500 }

export const bridgedInto1450 = (lab: Lab): Setup => dockerOverlay(lab, bridged1450)
export const bridgedInto1500 = (lab: Lab): Setup => dockerOverlay(lab, bridged1500)
export const bridgedWithDf = (lab: Lab): Setup => dockerOverlay(lab, { ...bridged1500, df: true })
export const bridgedUnfiltered = (lab: Lab): Setup =>
  dockerOverlay(lab, { ...bridged1450, brNetfilter: false })
