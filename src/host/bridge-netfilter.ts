import { STAGE_BRIDGE_NETFILTER } from '../cpu/stage.ts'
import { HOOK_FORWARD, HOOK_POSTROUTING, HOOK_PREROUTING } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, type Frame, UNTAGGED } from '../wire/frame.ts'
import type { Bridge } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'
import { dropTooBig } from './scrub.ts'

/**
 * br_netfilter: bridged IPv4 meets the rules of the IP layer (net/bridge/br_netfilter_hooks.c). Tagged
 * frames do not (bridge-nf-filter-vlan-tagged is 0).
 *
 * Weaker than the kernel: a destination that PREROUTING changes (DNAT) does not redirect a bridged
 * frame, which goes on to the MAC that it was sent to.
 */
function isFiltered(frame: Frame): boolean {
  return frame.etherType === ETHERTYPE_IPV4 && frame.vlan === UNTAGGED
}

/**
 * Runs PREROUTING, where conntrack puts fragments together, before the bridge looks where the frame
 * goes: so that what is bound for the bridge itself is whole on the bridge's own device too.
 * @returns the frame to go on with, or null.
 */
export function filterPrerouting(bridge: Bridge, frame: Frame, input: BridgePort): Frame | null {
  if (!isFiltered(frame)) return frame
  bridge.namespace.spend(STAGE_BRIDGE_NETFILTER, frame)
  return bridge.namespace.filter!.run(HOOK_PREROUTING, frame, input.device, null)
}

/** FORWARD, POSTROUTING and br_nf_dev_queue_xmit for a frame that is bridged from port to port. */
export function forwardFiltered(
  bridge: Bridge,
  frame: Frame,
  input: BridgePort,
  output: BridgePort,
): void {
  if (!isFiltered(frame)) return output.push(frame)
  bridge.namespace.spend(STAGE_BRIDGE_NETFILTER, frame)
  const { filter } = bridge.namespace
  if (filter === null) return pushRefragmented(bridge, frame, output)
  const forwarded = filter.run(HOOK_FORWARD, frame, input.device, output.device)
  if (forwarded === null) return
  const passed = filter.run(HOOK_POSTROUTING, forwarded, null, output.device)
  if (passed !== null) pushRefragmented(bridge, passed, output)
}

/**
 * What does not fit the port is cut to the bridge's MTU, as is what came in fragments, also where no
 * rule looked at it. Nobody is told of what may not be cut: a bridge has no address to answer from.
 */
function pushRefragmented(bridge: Bridge, frame: Frame, output: BridgePort): void {
  const { mtu } = output.device
  const { fragmentMax } = frame
  const limit = fragmentMax > 0 && fragmentMax < mtu ? fragmentMax : mtu
  // Units go on whole (br_nf_dev_queue_xmit), as is_skb_forwardable lets them.
  if (frame.gsoSize !== 0 || frame.l3Length <= limit) return output.push(frame)
  if (frame.dontFragment || fragmentMax > bridge.mtu) return dropTooBig(frame, bridge)
  bridge.namespace.ipv4.fragment(frame, bridge.mtu, (fragment) => output.push(fragment))
}
