import type { FelixConfigurationSpec } from '../../datastore/model.ts'
import type { ChainTables } from '../dataplane-part.ts'
import {
  FAILSAFE_IN,
  FAILSAFE_OUT,
  FROM_HOST_ENDPOINT,
  FROM_HOST_FORWARD,
  FROM_WORKLOAD_DISPATCH,
  TO_HOST_ENDPOINT,
  TO_HOST_FORWARD,
  TO_WORKLOAD_DISPATCH,
  WORKLOAD_TO_HOST,
} from './chain-names.ts'
import {
  clearMark,
  comment,
  goto,
  isMarked,
  isUnmarked,
  jump,
  MARK_ACCEPT,
  MARK_ALL,
  MARK_SCRATCH_0,
  rule,
  setMark,
} from './marks.ts'
import { DENY } from './rule-renderer.ts'

/** Devices of workloads. */
const FROM_WORKLOAD = '--in-interface cali+'
const TO_WORKLOAD = '--out-interface cali+'

/** Ports that stay open for whoever has locked himself out (FelixConfiguration: failsafe*HostPorts). */
const FAILSAFE_INBOUND = [
  'tcp:22',
  'udp:68',
  'tcp:179',
  'tcp:2379',
  'tcp:2380',
  'tcp:5473',
  'tcp:6443',
  'tcp:6666',
  'tcp:6667',
]
const FAILSAFE_OUTBOUND = [
  'udp:53',
  'udp:67',
  'tcp:179',
  'tcp:2379',
  'tcp:2380',
  'tcp:5473',
  'tcp:6443',
  'tcp:6666',
  'tcp:6667',
]

export interface StaticChainOptions {
  /** What becomes of what a workload may send, to its own host. */
  readonly action: NonNullable<FelixConfigurationSpec['defaultEndpointToHostAction']>
  /** Devices such as tunl0 by which the node sends with their own address. */
  readonly tunnels: readonly string[]
}

/** The chains that are there without any endpoint (felix/rules/static.go). */
export function setStaticChains(tables: ChainTables, options: StaticChainOptions): void {
  setFilter(tables, options)
  setRaw(tables)
  setMangle(tables)
  setNat(tables, options.tunnels)
}

const ACCEPTED = isMarked(MARK_ACCEPT)
const HOST_ACCEPTED = comment('Host endpoint policy accepted packet.')

function setFilter(tables: ChainTables, { action }: StaticChainOptions): void {
  tables.setChain('filter', 'cali-FORWARD', [
    clearMark(MARK_ALL & ~MARK_ACCEPT),
    rule(isUnmarked(MARK_ACCEPT), jump(FROM_HOST_FORWARD)),
    rule(FROM_WORKLOAD, jump(FROM_WORKLOAD_DISPATCH)),
    rule(TO_WORKLOAD, jump(TO_WORKLOAD_DISPATCH)),
    jump(TO_HOST_FORWARD),
    jump('cali-cidr-block'),
  ])
  tables.setChain('filter', 'cali-INPUT', [
    jump('cali-tunnel-input'),
    rule(FROM_WORKLOAD, goto(WORKLOAD_TO_HOST)),
    rule(ACCEPTED, jump('ACCEPT')),
    clearMark(MARK_ALL),
    jump(FROM_HOST_ENDPOINT),
    rule(HOST_ACCEPTED, ACCEPTED, jump('ACCEPT')),
  ])
  tables.setChain('filter', 'cali-OUTPUT', [
    rule(ACCEPTED, jump('ACCEPT')),
    rule(TO_WORKLOAD, jump('RETURN')),
    jump('cali-tunnel-output'),
    clearMark(MARK_ALL),
    rule('-m conntrack ! --ctstate DNAT', jump(TO_HOST_ENDPOINT)),
    rule(HOST_ACCEPTED, ACCEPTED, jump('ACCEPT')),
  ])
  tables.setChain('filter', WORKLOAD_TO_HOST, [
    jump(FROM_WORKLOAD_DISPATCH),
    rule(comment('Configured DefaultEndpointToHostAction'), toHostAction(action)),
  ])
  tables.setChain('filter', FAILSAFE_IN, failsafe(FAILSAFE_INBOUND, []))
  tables.setChain('filter', FAILSAFE_OUT, failsafe(FAILSAFE_OUTBOUND, []))
  for (const chain of ['FORWARD', 'INPUT', 'OUTPUT']) {
    tables.insert('filter', chain, [jump(`cali-${chain}`)])
  }
  tables.append('filter', 'FORWARD', [
    rule(comment('Policy explicitly accepted packet.'), ACCEPTED, jump('ACCEPT')),
    setMark(MARK_ACCEPT),
  ])
}

function toHostAction(action: StaticChainOptions['action']): string {
  if (action === 'Accept') return jump('ACCEPT')
  return action === 'Return' ? jump('RETURN') : DENY
}

/** @param answers before conntrack, answers of the other direction's ports have to be let through too. */
function failsafe(ports: readonly string[], answers: readonly string[]): string[] {
  const match = (entry: string, side: string) => {
    const [protocol, port] = entry.split(':')
    return rule(`-p ${protocol} -m multiport --${side}-ports ${port}`, jump('ACCEPT'))
  }
  return [
    ...ports.map((entry) => match(entry, 'destination')),
    ...answers.map((entry) => match(entry, 'source')),
  ]
}

function setRaw(tables: ChainTables): void {
  tables.setChain('raw', 'cali-PREROUTING', [
    clearMark(MARK_ALL),
    jump('cali-tunnel-raw'),
    rule(FROM_WORKLOAD, setMark(MARK_SCRATCH_0)),
    rule(isMarked(MARK_SCRATCH_0), jump('cali-rpf-skip')),
    rule(isMarked(MARK_SCRATCH_0), '-m rpfilter --invert --validmark', DENY),
    rule(isUnmarked(MARK_SCRATCH_0), jump(FROM_HOST_ENDPOINT)),
    rule(ACCEPTED, jump('ACCEPT')),
  ])
  tables.setChain('raw', 'cali-OUTPUT', [
    clearMark(MARK_ALL),
    jump(TO_HOST_ENDPOINT),
    jump('cali-tunnel-raw'),
    rule(ACCEPTED, jump('ACCEPT')),
  ])
  tables.setChain('raw', FAILSAFE_IN, failsafe(FAILSAFE_INBOUND, FAILSAFE_OUTBOUND))
  tables.setChain('raw', FAILSAFE_OUT, failsafe(FAILSAFE_OUTBOUND, FAILSAFE_INBOUND))
  for (const chain of ['PREROUTING', 'OUTPUT']) {
    tables.insert('raw', chain, [jump(`cali-${chain}`)])
  }
}

function setMangle(tables: ChainTables): void {
  tables.setChain('mangle', 'cali-PREROUTING', [
    rule('-m conntrack --ctstate RELATED,ESTABLISHED', jump('ACCEPT')),
    rule(ACCEPTED, jump('ACCEPT')),
    jump(FROM_HOST_ENDPOINT),
    rule(HOST_ACCEPTED, ACCEPTED, jump('ACCEPT')),
  ])
  tables.setChain('mangle', 'cali-POSTROUTING', [
    rule(ACCEPTED, jump('RETURN')),
    clearMark(MARK_ALL),
    rule('-m conntrack --ctstate DNAT', jump(TO_HOST_ENDPOINT)),
    rule(HOST_ACCEPTED, ACCEPTED, jump('RETURN')),
  ])
  tables.setChain('mangle', FAILSAFE_IN, failsafe(FAILSAFE_INBOUND, []))
  tables.setChain('mangle', FAILSAFE_OUT, failsafe(FAILSAFE_OUTBOUND, []))
  for (const chain of ['PREROUTING', 'POSTROUTING']) {
    tables.insert('mangle', chain, [jump(`cali-${chain}`)])
  }
}

function setNat(tables: ChainTables, tunnels: readonly string[]): void {
  tables.setChain('nat', 'cali-PREROUTING', [jump('cali-fip-dnat')])
  tables.setChain('nat', 'cali-OUTPUT', [jump('cali-fip-dnat')])
  tables.setChain('nat', 'cali-POSTROUTING', [
    jump('cali-fip-snat'),
    jump('cali-nat-outgoing'),
    ...tunnels.map(withTunnelAddress),
  ])
  for (const chain of ['PREROUTING', 'OUTPUT', 'POSTROUTING']) {
    tables.insert('nat', chain, [jump(`cali-${chain}`)])
  }
}

/** What the host sends into a tunnel from another of its addresses would not be let in over there. */
function withTunnelAddress(device: string): string {
  return rule(
    `--out-interface ${device}`,
    '-m addrtype ! --src-type LOCAL --limit-iface-out',
    '-m addrtype --src-type LOCAL',
    jump('MASQUERADE'),
  )
}
