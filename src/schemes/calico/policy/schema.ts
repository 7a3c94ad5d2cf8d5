import { z } from 'zod'
import { type Resource, resource } from '../datastore/model.ts'
import type { NetworkPolicySpec } from '../datastore/policy-model.ts'
import { networkPolicyOf, profileOfNamespace } from './kubernetes.ts'
import { kubernetesNamespace, kubernetesPolicy } from './kubernetes-schema.ts'
import { net, rules, selector } from './rule-schema.ts'

const CALICO = 'projectcalico.org/v3'

const name = () =>
  z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, { error: 'lower case, digits, "-" and "."' })
    .describe('`metadata.name`.')

const labels = () => z.record(z.string(), z.string()).exactOptional()
const global = () => z.strictObject({ name: name(), labels: labels() })

const policySpec = {
  tier: z.string().exactOptional().describe('Default: the tier `default`.'),
  order: z.number().exactOptional().describe('Lower first; without one last.'),
  selector: selector().exactOptional().describe('The endpoints that it is for. Default: all.'),
  types: z
    .array(z.enum(['Ingress', 'Egress']))
    .exactOptional()
    .describe('Default: by which rules it has, Ingress if none.'),
  ingress: rules().describe('Rules for what comes in, in order.'),
  egress: rules().describe('Rules for what goes out, in order.'),
}

const networkPolicy = z.strictObject({
  apiVersion: z.literal(CALICO),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({
    name: name(),
    namespace: z.string().default('default').describe('Default: default.'),
    labels: labels(),
  }),
  spec: z.strictObject(policySpec),
})

const globalNetworkPolicy = z.strictObject({
  apiVersion: z.literal(CALICO),
  kind: z.literal('GlobalNetworkPolicy'),
  metadata: global(),
  spec: z
    .strictObject({
      ...policySpec,
      namespaceSelector: selector().exactOptional(),
      doNotTrack: z.boolean().exactOptional().describe('For host endpoints, before conntrack.'),
      preDNAT: z.boolean().exactOptional().describe('For host endpoints, before NAT.'),
      applyOnForward: z.boolean().exactOptional().describe('Also for what a host forwards.'),
    })
    .check((context) => {
      const { doNotTrack = false, preDNAT = false, applyOnForward = false } = context.value
      const issue = (path: string, message: string, remedy: string) =>
        context.issues.push({
          code: 'custom',
          message,
          params: { remedy, wrongType: false },
          input: context.value,
          path: [path],
        })
      if (doNotTrack && preDNAT) issue('preDNAT', 'doNotTrack and preDNAT', 'one of them')
      if ((doNotTrack || preDNAT) && !applyOnForward) {
        const flag = doNotTrack ? 'doNotTrack' : 'preDNAT'
        issue(flag, `${flag} without applyOnForward`, 'add applyOnForward: true')
      }
      if (preDNAT && (context.value.egress?.length ?? 0) > 0) {
        issue('egress', 'preDNAT has no egress', 'ingress rules only')
      }
    }),
})

const profile = z.strictObject({
  apiVersion: z.literal(CALICO),
  kind: z.literal('Profile'),
  metadata: global(),
  spec: z.strictObject({
    ingress: rules(),
    egress: rules(),
    labelsToApply: labels().describe('Labels that its endpoints inherit.'),
  }),
})

const tier = z.strictObject({
  apiVersion: z.literal(CALICO),
  kind: z.literal('Tier'),
  metadata: global(),
  spec: z.strictObject({
    order: z.number().exactOptional().describe('Lower first; without one last.'),
    defaultAction: z.enum(['Deny', 'Pass']).exactOptional(),
  }),
})

const hostEndpoint = z.strictObject({
  apiVersion: z.literal(CALICO),
  kind: z.literal('HostEndpoint'),
  metadata: global(),
  spec: z.strictObject({
    node: z.string().describe('The host.'),
    interfaceName: z.string().exactOptional().describe('A device, or `*` for all.'),
    expectedIPs: z.array(net()).exactOptional(),
    profiles: z.array(z.string()).exactOptional(),
    ports: z
      .array(
        z.strictObject({
          name: z.string(),
          protocol: z.enum(['TCP', 'UDP']),
          port: z.int().min(1).max(65535),
        }),
      )
      .exactOptional(),
  }),
})

const policyEntry = z.discriminatedUnion('kind', [
  z.discriminatedUnion('apiVersion', [networkPolicy, kubernetesPolicy]),
  globalNetworkPolicy,
  profile,
  tier,
  hostEndpoint,
  kubernetesNamespace,
])

/** The network's `policies`: resources as their YAML has them. */
export const policySchema = z.array(policyEntry)

export type PolicyEntry = z.output<typeof policyEntry>

const DEFAULT_TIER = 'default'

/** What is written to the datastore for them, in the spelling of the API. */
export function policyResources(entries: readonly PolicyEntry[]): Resource[] {
  return entries.map(resourceOf)
}

function resourceOf(entry: PolicyEntry): Resource {
  switch (entry.kind) {
    case 'NetworkPolicy':
      if (entry.apiVersion !== CALICO) return networkPolicyOf(entry)
      return resource('NetworkPolicy', inTier(entry), entry.spec)
    case 'GlobalNetworkPolicy':
      return resource('GlobalNetworkPolicy', inTier(entry), entry.spec)
    case 'Profile':
      return resource('Profile', entry.metadata, entry.spec)
    case 'Tier':
      return resource('Tier', entry.metadata, entry.spec)
    case 'HostEndpoint':
      return resource('HostEndpoint', entry.metadata, entry.spec)
    default:
      return profileOfNamespace(entry)
  }
}

/** The names of policies begin with that of their tier (libcalico-go/lib/names). */
function inTier<M extends { readonly name: string }>({
  metadata,
  spec: { tier: tierName = DEFAULT_TIER },
}: {
  readonly metadata: M
  readonly spec: NetworkPolicySpec
}): M {
  const { name: given } = metadata
  const isPrefixed = given.startsWith(`${tierName}.`) || given.startsWith('knp.')
  return isPrefixed ? metadata : { ...metadata, name: `${tierName}.${given}` }
}
