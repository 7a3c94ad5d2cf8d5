import type { Cause } from '../study/why/cause.ts'

/** What is wrong, in one sentence without its full stop. */
export function causeText(cause: Cause): string {
  const { kind, finding, place, subject, row } = cause
  switch (kind) {
    case 'route':
      if (finding === 'missing') return `${place} has no route to ${subject}${insteadOf(row)}`
      return `a route of ${place} leads astray: ${row ?? subject}`
    case 'neighbour':
      if (finding === 'missing') return `${place} has no neighbour row for ${subject}`
      return `a neighbour row of ${place} has the MAC address of somebody else: ${row ?? subject}`
    case 'fdb':
      if (finding === 'missing') return `${place} has no FDB row for ${subject}`
      return `an FDB row of ${place} leads to another host than that of the MAC: ${row ?? subject}`
    case 'rule':
      if (finding === 'missing') return `no rule of ${place} accepts it: ${subject}`
      return `a rule of ${place} drops it: ${subject}`
    case 'mtu':
      return `${place} is too narrow for it: ${subject}`
    case 'size':
      return `it is longer than what ${place} knows of the path (${subject})`
    case 'device':
      if (finding === 'missing') return `${place} has no device that takes it (${subject})`
      return `${place} is down`
    case 'link':
      return `the cable at ${place} does not pass it (${subject})`
    case 'forwarding':
      return `${place} does not forward (net.ipv4.ip_forward is 0)`
    case 'ipsec':
      return `${place} lacks the IPsec state for ${subject}`
    case 'daemon':
      return `the daemon of ${place} does not run, or does not read (${subject})`
    case 'socket':
      return `no program of ${place} listens (${subject})`
    case 'address':
      return `nobody has the address ${subject}, for which ${place} asks`
    case 'host':
      return `${place} is down`
    case 'other':
      return `it ends at ${place}: ${subject}`
  }
}

function insteadOf(row: string | null): string {
  return row === null || row === 'no route' ? '' : `; it is taken by ${row}`
}

/** What would let it through; null where the cause itself says no more than the drop. */
export function causeRemedy(cause: Cause): string | null {
  const { kind, finding, place, subject, pattern } = cause
  const like = pattern === null ? '' : ` Another host has one: ${pattern}.`
  switch (kind) {
    case 'route':
      if (finding === 'missing') return `ip route add in ${place}, to ${subject}.${like}`
      if (finding === 'wrong') return `ip route replace in ${place} with the right next hop.`
      return `ip route del in ${place}: the route forbids it.`
    case 'neighbour':
      return `ip neigh replace ${subject} on ${place}, with the MAC address that it has.`
    case 'fdb':
      return `bridge fdb replace ${subject} on ${place}, with the VTEP of the host that has the MAC.`
    case 'rule':
      if (finding === 'missing') return `iptables -I in ${place}: a rule that accepts it.`
      return `iptables in ${place}: delete ${subject.replace(' -A ', ' -D ')}, or accept it before.`
    case 'mtu':
      return `ip link set ${place} to a greater MTU, or send less at a time.`
    case 'size':
      return 'Send less at a time, or allow fragments.'
    case 'device':
      if (finding === 'missing') return null
      return `ip link set ${place} up.`
    case 'link':
      return `Mend the cable at ${place}, or have the fabric pass it.`
    case 'host':
      return `Start ${place} again.`
    case 'ipsec':
      return `Give ${place} the state (ip xfrm state) that its peer has, by a new exchange of keys.`
    case 'forwarding':
      return `sysctl -w net.ipv4.ip_forward=1 in ${place}.`
    case 'daemon':
      return `Start the daemon of ${place} again.`
    case 'socket':
      return `Start a program in ${place} that listens.`
    case 'address':
      return `Give ${subject} to somebody on this segment, or send to an address that is given.`
    default:
      return null
  }
}
