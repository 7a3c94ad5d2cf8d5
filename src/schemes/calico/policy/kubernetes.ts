import { type Resource, resource } from '../datastore/model.ts'
import type { EntityRule, PolicyType, Rule } from '../datastore/policy-model.ts'
import type {
  KubernetesNamespace,
  KubernetesPolicy,
  LabelSelector,
  PolicyPeer,
  PolicyPort,
} from './kubernetes-schema.ts'

/** What the conversion gives to every policy of Kubernetes (libcalico-go/lib/backend/k8s/conversion). */
const KUBERNETES_ORDER = 1000
const IS_POD = "projectcalico.org/orchestrator == 'k8s'"

/** Before the labels of a namespace, where its endpoints inherit them. */
export const NAMESPACE_LABEL_PREFIX = 'pcns.'

/** The Calico policy that means the same: one Allow rule for each peer and protocol. */
export function networkPolicyOf({ metadata, spec }: KubernetesPolicy): Resource<'NetworkPolicy'> {
  const { name, namespace } = metadata
  const types: PolicyType[] = [...(spec.policyTypes ?? [])]
  if (types.length === 0) {
    types.push('Ingress')
    if ((spec.egress?.length ?? 0) > 0) types.push('Egress')
  }
  const has = (type: PolicyType) => types.includes(type)
  return resource(
    'NetworkPolicy',
    { name: `knp.default.${name}`, namespace },
    {
      order: KUBERNETES_ORDER,
      selector: podSelector(spec.podSelector),
      types,
      ...(has('Ingress')
        ? { ingress: (spec.ingress ?? []).flatMap((r) => rulesOf(r.from, r.ports, 'source')) }
        : {}),
      ...(has('Egress')
        ? { egress: (spec.egress ?? []).flatMap((r) => rulesOf(r.to, r.ports, 'destination')) }
        : {}),
    },
  )
}

/** Its profile: allows everything, and hands its labels to the pods. */
export function profileOfNamespace({ metadata }: KubernetesNamespace): Resource<'Profile'> {
  const { name, labels = {} } = metadata
  const labelsToApply: Record<string, string> = {
    [`${NAMESPACE_LABEL_PREFIX}projectcalico.org/name`]: name,
    [`${NAMESPACE_LABEL_PREFIX}kubernetes.io/metadata.name`]: name,
  }
  for (const [key, value] of Object.entries(labels)) {
    labelsToApply[`${NAMESPACE_LABEL_PREFIX}${key}`] = value
  }
  const everything: Rule[] = [{ action: 'Allow' }]
  return resource(
    'Profile',
    { name: `kns.${name}` },
    { ingress: everything, egress: everything, labelsToApply },
  )
}

function rulesOf(
  peers: readonly PolicyPeer[] | undefined,
  ports: readonly PolicyPort[] | undefined,
  side: 'source' | 'destination',
): Rule[] {
  const entities = (peers ?? []).length === 0 ? [{}] : peers!.map(entityOf)
  return portsByProtocol(ports).flatMap(({ protocol, ports: wanted }) =>
    entities.map((entity) => ruleOf(protocol, wanted, entity, side)),
  )
}

function ruleOf(
  protocol: string | null,
  ports: readonly (number | string)[],
  entity: EntityRule,
  side: 'source' | 'destination',
): Rule {
  const destination: EntityRule = {
    ...(side === 'destination' ? entity : {}),
    ...(ports.length === 0 ? {} : { ports }),
  }
  return {
    action: 'Allow',
    ...(protocol === null ? {} : { protocol }),
    ...(side === 'source' && !isEmpty(entity) ? { source: entity } : {}),
    ...(isEmpty(destination) ? {} : { destination }),
  }
}

function isEmpty(entity: EntityRule): boolean {
  return Object.keys(entity).length === 0
}

/** A protocol without a port means all of its ports, whatever else is said of it. */
function portsByProtocol(ports: readonly PolicyPort[] = []) {
  if (ports.length === 0) return [{ protocol: null, ports: [] }]
  const groups = new Map<string, (number | string)[] | null>()
  for (const { protocol = 'TCP', port, endPort } of ports) {
    const known = groups.get(protocol)
    if (port === undefined || known === null) groups.set(protocol, null)
    else {
      const words = known ?? []
      words.push(endPort === undefined ? port : `${port}:${endPort}`)
      groups.set(protocol, words)
    }
  }
  return [...groups].map(([protocol, words]) => ({ protocol, ports: words ?? [] }))
}

function entityOf({ podSelector: pods, namespaceSelector, ipBlock }: PolicyPeer): EntityRule {
  if (ipBlock !== undefined) {
    const { cidr, except = [] } = ipBlock
    return { nets: [cidr], ...(except.length === 0 ? {} : { notNets: except }) }
  }
  return {
    selector: podSelector(pods ?? {}),
    ...(namespaceSelector === undefined
      ? {}
      : { namespaceSelector: conditions(namespaceSelector).join(' && ') || 'all()' }),
  }
}

function podSelector(selector: LabelSelector): string {
  return [IS_POD, ...conditions(selector)].join(' && ')
}

function conditions({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string[] {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1))
  return [
    ...labels.map(([key, value]) => `${key} == '${value}'`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      const set = `{ ${values.map((value) => `'${value}'`).join(', ')} }`
      if (operator === 'In') return `${key} in ${set}`
      if (operator === 'NotIn') return `${key} not in ${set}`
      return operator === 'Exists' ? `has(${key})` : `!has(${key})`
    }),
  ]
}
