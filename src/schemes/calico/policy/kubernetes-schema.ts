import { z } from 'zod'
import { net } from './rule-schema.ts'

const labels = () => z.record(z.string(), z.string()).exactOptional()

const expression = z.strictObject({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).exactOptional(),
})

const labelSelector = z.strictObject({
  matchLabels: labels(),
  matchExpressions: z.array(expression).exactOptional(),
})

const peer = z.strictObject({
  podSelector: labelSelector.exactOptional(),
  namespaceSelector: labelSelector.exactOptional(),
  ipBlock: z.strictObject({ cidr: net(), except: z.array(net()).exactOptional() }).exactOptional(),
})

const port = z.strictObject({
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).exactOptional(),
  port: z.union([z.int().min(1).max(65535), z.string()]).exactOptional(),
  endPort: z.int().min(1).max(65535).exactOptional(),
})

const ports = () => z.array(port).exactOptional()
const peers = () => z.array(peer).exactOptional()

/** https://kubernetes.io/docs/concepts/services-networking/network-policies/ */
export const kubernetesPolicy = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: z.strictObject({
    name: z.string(),
    namespace: z.string().default('default').describe('Default: default.'),
    labels: labels(),
  }),
  spec: z.strictObject({
    podSelector: labelSelector.prefault({}).describe('The pods that it is for. Default: all.'),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])).exactOptional(),
    ingress: z.array(z.strictObject({ from: peers(), ports: ports() })).exactOptional(),
    egress: z.array(z.strictObject({ to: peers(), ports: ports() })).exactOptional(),
  }),
})

export const kubernetesNamespace = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Namespace'),
  metadata: z.strictObject({ name: z.string(), labels: labels() }),
})

export type KubernetesPolicy = z.output<typeof kubernetesPolicy>
export type KubernetesNamespace = z.output<typeof kubernetesNamespace>
export type LabelSelector = z.output<typeof labelSelector>
export type PolicyPeer = z.output<typeof peer>
export type PolicyPort = z.output<typeof port>
