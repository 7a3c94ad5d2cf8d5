import { formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'

/** Rules of the built-in chains that lead to flanneld's own, as `iptables -D` takes them. */
export const FORWARD_JUMP = 'FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'
export const MASQUERADE_JUMP = 'POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG'

/** FORWARD rules, on by default: an engine's policy DROP would stop the network otherwise. */
export function forwardRules(network: Ipv4Prefix): string {
  const pool = formatPrefix(network)
  return `*filter
:FLANNEL-FWD -
-A ${FORWARD_JUMP}
-A FLANNEL-FWD -s ${pool} -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d ${pool} -m comment --comment "flanneld forward" -j ACCEPT
COMMIT
`
}

/** `--ip-masq`, in the order of pkg/trafficmngr/iptables. */
export function masqueradeRules(network: Ipv4Prefix, subnet: Ipv4Prefix): string {
  const pool = formatPrefix(network)
  const own = formatPrefix(subnet)
  const rule = (match: string, target: string) =>
    `-A FLANNEL-POSTRTG ${match} -m comment --comment "flanneld masq" -j ${target}`
  return `*nat
:FLANNEL-POSTRTG -
-A ${MASQUERADE_JUMP}
${rule('-m mark --mark 0x4000/0x4000', 'RETURN')}
${rule(`-s ${own} -d ${pool}`, 'RETURN')}
${rule(`-s ${pool} -d ${own}`, 'RETURN')}
${rule(`! -s ${pool} -d ${own}`, 'RETURN')}
${rule(`-s ${pool} ! -d 224.0.0.0/4`, 'MASQUERADE --random-fully')}
${rule(`! -s ${pool} -d ${pool}`, 'MASQUERADE --random-fully')}
COMMIT
`
}
