import type { Scheme, Showcase } from '../contract.ts'
import { startCalico } from './calico-host.ts'
import { checkOptions } from './check-options.ts'
import { type CalicoOptions, calicoOptions, datastoreOf } from './options.ts'

/** Who runs in a namespace of its own, is reached by that alone: the policy of most guides. */
const SAME_NAMESPACE_ONLY = ['first', 'second'].map((namespace) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'same-namespace', namespace },
  spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }] }] },
}))

function showcaseOf(options: Readonly<Record<string, unknown>>): Showcase {
  return {
    options: { ...options, namespace: 'first' },
    another: { subnet: '172.17.0.0/16', namespace: 'second' },
    store: { kind: 'etcd', members: 3 },
  }
}

export const calicoScheme: Scheme<CalicoOptions> = {
  name: 'calico',
  summary: 'Calico: routes to containers, told by BGP or by its store; policy in iptables.',
  options: calicoOptions,
  variant: ({ encapsulation, orchestrator }) =>
    orchestrator === 'cni' ? `calico/${encapsulation}` : `calico/${encapsulation} (libnetwork)`,
  check: checkOptions,
  note: (options) =>
    datastoreOf(options) === 'etcd-v2' ? null : 'etcd v3 is spoken as JSON over HTTP, not as gRPC',
  showcase: [
    ...['none', 'ipip', 'vxlan', 'ipip-crosssubnet', 'vxlan-crosssubnet'].map((encapsulation) =>
      showcaseOf({ encapsulation }),
    ),
    {
      name: 'calico/none (policy)',
      ...showcaseOf({ encapsulation: 'none', policies: SAME_NAMESPACE_ONLY }),
    },
    showcaseOf({ encapsulation: 'none', orchestrator: 'libnetwork' }),
  ],
  startHost: startCalico,
}
