import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { policyResources, policySchema } from './schema.ts'

const V3 = 'apiVersion: projectcalico.org/v3'
const policy = (spec: string) =>
  `${V3}\nkind: GlobalNetworkPolicy\nmetadata: { name: p }\nspec: ${spec}`

function faultsOf(text: string): string[] {
  const result = policySchema.safeParse([parse(text)])
  return (result.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('the options of a network', () => {
  it.each([
    ["{ selector: app = 'x' }", '0.spec.selector: selector, character 5: expected an operator'],
    [
      '{ ingress: [{ action: Allow, destination: { ports: [80] } }] }',
      '0.spec.ingress.0.destination: ports without a protocol that has ports',
    ],
    [
      '{ ingress: [{ action: Allow, protocol: TCP, source: { ports: ["90:80"] } }] }',
      '0.spec.ingress.0.source.ports.0: "90:80" is no port',
    ],
    [
      '{ ingress: [{ action: Allow, icmp: { type: 8 } }] }',
      '0.spec.ingress.0.protocol: icmp without its protocol',
    ],
    [
      '{ ingress: [{ action: Allow, source: { nets: [10.0.0.300] } }] }',
      '0.spec.ingress.0.source.nets.0: "10.0.0.300" is not an address block of IPv4',
    ],
    ['{ doNotTrack: true }', '0.spec.doNotTrack: doNotTrack without applyOnForward'],
    [
      '{ preDNAT: true, applyOnForward: true, egress: [{ action: Deny }] }',
      '0.spec.egress: preDNAT has no egress',
    ],
  ])('%s is wrong', (spec, fault) => {
    expect(faultsOf(policy(spec))).toEqual([fault])
  })

  it('refuse what is not modelled, by its place', () => {
    const faults = faultsOf(policy('{ ingress: [{ action: Allow, http: { methods: [GET] } }] }'))
    expect(faults).toEqual(['0.spec.ingress.0: Unrecognized key: "http"'])
  })
})

it('puts the tier before the names of policies, as the API stores them', () => {
  const entries = policySchema.parse([
    parse(policy('{}')),
    parse(policy('{ tier: ops }')),
    parse(`${V3}\nkind: NetworkPolicy\nmetadata: { name: default.q }\nspec: {}`),
  ])
  expect(policyResources(entries).map(({ metadata }) => metadata)).toEqual([
    { name: 'default.p' },
    { name: 'ops.p' },
    { name: 'default.q', namespace: 'default' },
  ])
})

it('converts policies of Kubernetes: a rule for each peer and protocol, of order 1000', () => {
  const text = `
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: { name: web-in, namespace: shop }
    spec:
      podSelector: { matchLabels: { app: web } }
      policyTypes: [Ingress]
      ingress:
      - from:
        - namespaceSelector: { matchLabels: { edge: "true" } }
          podSelector: { matchExpressions: [{ key: role, operator: In, values: [lb] }] }
        - ipBlock: { cidr: 10.0.0.0/8, except: [10.9.0.0/16] }
        ports: [{ port: 8080, endPort: 8089 }, { protocol: UDP }]`
  const isPod = "projectcalico.org/orchestrator == 'k8s'"
  const lb = { selector: `${isPod} && role in { 'lb' }`, namespaceSelector: "edge == 'true'" }
  const block = { nets: ['10.0.0.0/8'], notNets: ['10.9.0.0/16'] }
  const tcp = { action: 'Allow', protocol: 'TCP', destination: { ports: ['8080:8089'] } }
  const udp = { action: 'Allow', protocol: 'UDP' }
  expect(policyResources(policySchema.parse([parse(text)]))).toEqual([
    {
      kind: 'NetworkPolicy',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'knp.default.web-in', namespace: 'shop' },
      spec: {
        order: 1000,
        selector: `${isPod} && app == 'web'`,
        types: ['Ingress'],
        ingress: [
          { ...tcp, source: lb },
          { ...tcp, source: block },
          { ...udp, source: lb },
          { ...udp, source: block },
        ],
      },
    },
  ])
})
