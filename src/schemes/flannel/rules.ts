import { formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'

/** FORWARD rules, on by default: an engine's policy DROP would stop the network otherwise. */
export function forwardRules(network: Ipv4Prefix): string {
  const pool = formatPrefix(network)
  return `*filter
:FLANNEL-FWD -
-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
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
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
${rule('-m mark --mark 0x4000/0x4000', 'RETURN')}
${rule(`-s ${own} -d ${pool}`, 'RETURN')}
${rule(`-s ${pool} -d ${own}`, 'RETURN')}
${rule(`! -s ${pool} -d ${own}`, 'RETURN')}
${rule(`-s ${pool} ! -d 224.0.0.0/4`, 'MASQUERADE --random-fully')}
${rule(`! -s ${pool} -d ${pool}`, 'MASQUERADE --random-fully')}
COMMIT
`
}
