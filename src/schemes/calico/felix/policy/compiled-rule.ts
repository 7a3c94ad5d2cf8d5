import type { EntityRule, Rule } from '../../datastore/policy-model.ts'
import { NAMESPACE_LABEL_PREFIX } from '../../policy/kubernetes.ts'
import { PROTOCOLS, portRange } from '../../policy/rule-schema.ts'
import { parseSelector } from '../../policy/selector/parser.ts'
import { both, prefixed, Selector } from '../../policy/selector/selector.ts'
import type { IpsetType } from '../dataplane-part.ts'
import { uniqueId } from './names.ts'

/** The label that says in which namespace an endpoint is. */
export const NAMESPACE_LABEL = 'projectcalico.org/namespace'

/** A set of the endpoints that a selector means: their addresses, or with one of their named ports. */
export interface SetSpec {
  readonly id: string
  readonly type: IpsetType
  readonly selector: Selector
  readonly port: { readonly protocol: number; readonly name: string } | null
}

/** One side of a rule, made ready for rendering. */
export interface CompiledEntity {
  readonly nets: readonly string[]
  readonly notNets: readonly string[]
  readonly set: SetSpec | null
  readonly notSet: SetSpec | null
  readonly ports: readonly (readonly [number, number])[]
  readonly namedPorts: readonly SetSpec[]
  readonly notPorts: readonly (readonly [number, number])[]
  readonly notNamedPorts: readonly SetSpec[]
}

export interface CompiledRule {
  readonly rule: Rule
  /** Number, 0 for any. */
  readonly protocol: number
  readonly notProtocol: number
  readonly source: CompiledEntity
  readonly destination: CompiledEntity
}

/** @param namespace that of the policy; null for global ones and for profiles. */
export function compileRule(rule: Rule, namespace: string | null): CompiledRule {
  const protocol = protocolNumber(rule.protocol)
  return {
    rule,
    protocol,
    notProtocol: protocolNumber(rule.notProtocol),
    source: compileEntity(rule.source ?? {}, namespace, protocol),
    destination: compileEntity(rule.destination ?? {}, namespace, protocol),
  }
}

/** The sets that a rule asks. */
export function setsOf({ source, destination }: CompiledRule): SetSpec[] {
  return [source, destination].flatMap((entity) => [
    ...(entity.set === null ? [] : [entity.set]),
    ...(entity.notSet === null ? [] : [entity.notSet]),
    ...entity.namedPorts,
    ...entity.notNamedPorts,
  ])
}

/** The endpoints of a namespace. */
export function inNamespace(namespace: string): Selector {
  return new Selector({ kind: 'compare', by: '==', label: NAMESPACE_LABEL, value: namespace })
}

/** What a selector of namespaces means of endpoints: they inherit their namespace's labels. */
export function ofNamespaces(text: string): Selector {
  const selector = parseSelector(text)
  const hasNamespace = { kind: 'has', label: NAMESPACE_LABEL } as const
  if (selector.node.kind === 'global') return new Selector({ kind: 'not', of: hasNamespace })
  if (selector.node.kind === 'all') return new Selector(hasNamespace)
  return prefixed(selector, NAMESPACE_LABEL_PREFIX)
}

function compileEntity(
  entity: EntityRule,
  namespace: string | null,
  protocol: number,
): CompiledEntity {
  const selector = selectorOf(entity, namespace)
  const ports = (list: readonly (number | string)[] = []) => ({
    numbers: list.flatMap((port) => {
      const range = portRange(port)
      return range === null ? [] : [range]
    }),
    named: list.flatMap((port) =>
      portRange(port) === null ? [namedPort(selector, protocol, String(port))] : [],
    ),
  })
  const wanted = ports(entity.ports)
  const unwanted = ports(entity.notPorts)
  // A set of named ports stands for the selector too: felix/calc's rule scanner folds them into one.
  const isFolded = wanted.named.length > 0 && wanted.numbers.length === 0
  return {
    nets: entity.nets ?? [],
    notNets: entity.notNets ?? [],
    set: selector === null || isFolded ? null : addressSet(selector),
    notSet: entity.notSelector === undefined ? null : addressSet(parseSelector(entity.notSelector)),
    ports: wanted.numbers,
    namedPorts: wanted.named,
    notPorts: unwanted.numbers,
    notNamedPorts: unwanted.named,
  }
}

/** In a policy of a namespace a selector alone means that namespace only. */
function selectorOf(entity: EntityRule, namespace: string | null): Selector | null {
  const { selector, namespaceSelector } = entity
  const parts: Selector[] = []
  if (namespaceSelector !== undefined) parts.push(ofNamespaces(namespaceSelector))
  else if (selector !== undefined && namespace !== null) parts.push(inNamespace(namespace))
  if (selector !== undefined) parts.push(parseSelector(selector))
  return parts.length === 0 ? null : both(...parts)
}

function addressSet(selector: Selector): SetSpec {
  return { id: uniqueId('s', selector.text), type: 'hash:net', selector, port: null }
}

function namedPort(selector: Selector | null, protocol: number, name: string): SetSpec {
  const among = selector ?? parseSelector('all()')
  return {
    id: uniqueId('n', `${among.text},${protocol},${name}`),
    type: 'hash:ip,port',
    selector: among,
    port: { protocol, name },
  }
}

/** By the name or the number that the API takes; 0 for none. */
export function protocolNumber(protocol: string | number | undefined): number {
  if (protocol === undefined) return 0
  return typeof protocol === 'number' ? protocol : (PROTOCOLS.get(protocol) ?? 0)
}
