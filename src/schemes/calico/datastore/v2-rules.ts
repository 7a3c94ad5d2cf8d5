/**
 * Rules as etcd v2 has them (libcalico-go 1.7, lib/backend/model/rule.go). A tag of that time is a label that
 * its profile gives out with no value, and a match of the tag asks whether it is there: so Calico's own
 * upgrade to v3 turns them (lib/upgrade/converters), and so they are read and written here.
 */
import type { Action, EntityRule, Rule } from './policy-model.ts'

/** A rule's JSON. */
export type V2Rule = Readonly<Record<string, unknown>>

const ACTIONS: Readonly<Record<Action, string>> = {
  Allow: 'allow',
  Deny: 'deny',
  Log: 'log',
  Pass: 'next-tier',
}
const ACTION_OF = new Map(Object.entries(ACTIONS).map(([action, word]) => [word, action as Action]))
const PROTOCOLS = ['TCP', 'UDP', 'ICMP', 'SCTP', 'UDPLite']
const PROTOCOL_OF = new Map(PROTOCOLS.map((name) => [name.toLowerCase(), name]))

type Side = 'src' | 'dst'

/** Without the fields that say nothing: `omitempty`. */
function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function protocolWord(protocol: string | number | undefined): string | number | undefined {
  return typeof protocol === 'string' ? protocol.toLowerCase() : protocol
}

function protocolOf(word: unknown): string | number | undefined {
  if (typeof word !== 'string') return word as number | undefined
  return PROTOCOL_OF.get(word) ?? word
}

/** The label of a selector that asks for nothing else. */
function tagOf(selector: string | undefined): string | undefined {
  return /^has\(([A-Za-z0-9_.-]+)\)$/.exec(selector ?? '')?.[1]
}

function matchesOf(side: Side, entity: EntityRule, hasTags: boolean): Record<string, unknown> {
  const tag = hasTags ? tagOf(entity.selector) : undefined
  const notTag = hasTags ? tagOf(entity.notSelector) : undefined
  return {
    [`${side}_tag`]: tag,
    [`${side}_nets`]: entity.nets,
    [`${side}_selector`]: tag === undefined ? entity.selector : undefined,
    [`${side}_ports`]: entity.ports,
    [`!${side}_tag`]: notTag,
    [`!${side}_nets`]: entity.notNets,
    [`!${side}_selector`]: notTag === undefined ? entity.notSelector : undefined,
    [`!${side}_ports`]: entity.notPorts,
  }
}

/** @param hasTags whether `has(label)` is written as a tag: in profiles. */
export function encodeRule(rule: Rule, hasTags: boolean): V2Rule {
  const { action, ipVersion, protocol, notProtocol, icmp, notICMP } = rule
  return present({
    action: ACTIONS[action],
    ip_version: ipVersion,
    protocol: protocolWord(protocol),
    '!protocol': protocolWord(notProtocol),
    icmp_type: icmp?.type,
    icmp_code: icmp?.code,
    '!icmp_type': notICMP?.type,
    '!icmp_code': notICMP?.code,
    ...matchesOf('src', rule.source ?? {}, hasTags),
    ...matchesOf('dst', rule.destination ?? {}, hasTags),
  })
}

function entityOf(side: Side, rule: V2Rule): EntityRule | undefined {
  const selectorOf = (prefix: string) => {
    const tag = rule[`${prefix}_tag`]
    return tag === undefined ? rule[`${prefix}_selector`] : `has(${String(tag)})`
  }
  const entity = present({
    nets: rule[`${side}_nets`],
    notNets: rule[`!${side}_nets`],
    selector: selectorOf(side),
    notSelector: selectorOf(`!${side}`),
    ports: rule[`${side}_ports`],
    notPorts: rule[`!${side}_ports`],
  })
  return Object.keys(entity).length === 0 ? undefined : entity
}

function icmpOf(type: unknown, code: unknown): Record<string, unknown> | undefined {
  return type === undefined && code === undefined ? undefined : present({ type, code })
}

export function decodeRule(rule: V2Rule): Rule {
  const action = ACTION_OF.get(String(rule['action'])) ?? 'Allow'
  // Only Calico writes them: each field has the type that it is given above.
  return present({
    action,
    ipVersion: rule['ip_version'],
    protocol: protocolOf(rule['protocol']),
    notProtocol: protocolOf(rule['!protocol']),
    icmp: icmpOf(rule['icmp_type'], rule['icmp_code']),
    notICMP: icmpOf(rule['!icmp_type'], rule['!icmp_code']),
    source: entityOf('src', rule),
    destination: entityOf('dst', rule),
  }) as unknown as Rule
}
