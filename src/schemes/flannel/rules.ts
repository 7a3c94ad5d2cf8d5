import type { Iptables } from '../../stack/netfilter/iptables.ts'
import { formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'

type TableName = 'nat' | 'filter'

/** Rules of one purpose: flanneld looks after each group by itself. */
export interface RuleGroup {
  readonly table: TableName
  /** Of flanneld's own; null where its rules stand in the built-in chain (until 0.16). */
  readonly chain: string | null
  /** As `-A` takes them: chain, matches and target. */
  readonly rules: readonly string[]
}

const FORWARD_COMMENT = '-m comment --comment "flanneld forward"'
const MASQUERADE_COMMENT = '-m comment --comment "flanneld masq"'

/** FORWARD rules, on by default: an engine's policy DROP would stop the network otherwise. */
export function forwardRules(network: Ipv4Prefix, hasChains: boolean): RuleGroup {
  const pool = formatPrefix(network)
  const chain = hasChains ? 'FLANNEL-FWD' : null
  const rule = (match: string) => `${chain ?? 'FORWARD'} ${match} ${FORWARD_COMMENT} -j ACCEPT`
  const accept = [rule(`-s ${pool}`), rule(`-d ${pool}`)]
  const jump = `FORWARD ${FORWARD_COMMENT} -j ${chain}`
  return { table: 'filter', chain, rules: chain === null ? accept : [jump, ...accept] }
}

/** `--ip-masq`, in the order of pkg/trafficmngr/iptables. */
export function masqueradeRules(
  network: Ipv4Prefix,
  subnet: Ipv4Prefix,
  hasChains: boolean,
): RuleGroup {
  const pool = formatPrefix(network)
  const own = formatPrefix(subnet)
  const chain = hasChains ? 'FLANNEL-POSTRTG' : 'POSTROUTING'
  const rule = (match: string, target: string) =>
    `${chain} ${match} ${MASQUERADE_COMMENT} -j ${target}`
  const masquerade = (match: string) => rule(match, 'MASQUERADE --random-fully')
  const outwards = masquerade(`-s ${pool} ! -d 224.0.0.0/4`)
  const inwards = rule(`! -s ${pool} -d ${own}`, 'RETURN')
  const fromHost = masquerade(`! -s ${pool} -d ${pool}`)
  if (!hasChains) {
    const within = rule(`-s ${pool} -d ${pool}`, 'RETURN')
    return { table: 'nat', chain: null, rules: [within, outwards, inwards, fromHost] }
  }
  const rules = [
    `POSTROUTING ${MASQUERADE_COMMENT} -j ${chain}`,
    rule('-m mark --mark 0x4000/0x4000', 'RETURN'),
    rule(`-s ${own} -d ${pool}`, 'RETURN'),
    rule(`-s ${pool} -d ${own}`, 'RETURN'),
    inwards,
    outwards,
    fromHost,
  ]
  return { table: 'nat', chain, rules }
}

/** At a start: flanneld's own chain is emptied, and each rule is added that is not there. */
export function setupRules(iptables: Iptables, { table, chain, rules }: RuleGroup): void {
  const declared = chain === null ? [] : [`:${chain} -`]
  const present = presentRules(iptables)
  const missing = rules.filter((rule) => isIn(chain, rule) || !present.has(rule))
  restore(iptables, table, [...declared, ...missing.map((rule) => `-A ${rule}`)])
}

/** If one is missing all are taken away and added again, in their order. @returns whether one was. */
export function ensureRules(iptables: Iptables, { table, chain, rules }: RuleGroup): boolean {
  const present = presentRules(iptables)
  if (rules.every((rule) => present.has(rule))) return false
  if (chain !== null && !iptables.save().includes(`:${chain} -`)) {
    iptables.run(`-t ${table} -N ${chain}`)
  }
  const old = rules.filter((rule) => present.has(rule)).map((rule) => `-D ${rule}`)
  restore(iptables, table, [...old, ...rules.map((rule) => `-A ${rule}`)])
  return true
}

/** Of an earlier subnet. */
export function deleteRules(iptables: Iptables, { table, rules }: RuleGroup): void {
  const present = presentRules(iptables)
  restore(
    iptables,
    table,
    rules.filter((rule) => present.has(rule)).map((rule) => `-D ${rule}`),
  )
}

/** Whether a rule stands in flanneld's own chain. */
function isIn(chain: string | null, rule: string): boolean {
  return chain !== null && rule.startsWith(`${chain} `)
}

/** No rule of flanneld's is like one of another table. */
function presentRules(iptables: Iptables): ReadonlySet<string> {
  const lines = iptables.save().split('\n')
  return new Set(lines.filter((line) => line.startsWith('-A ')).map((line) => line.slice(3)))
}

function restore(iptables: Iptables, table: TableName, lines: readonly string[]): void {
  if (lines.length === 0) return
  iptables.restore([`*${table}`, ...lines, 'COMMIT', ''].join('\n'), { noflush: true })
}
