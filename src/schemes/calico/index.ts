import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding, Showcase } from '../contract.ts'
import { startCalico } from './calico-host.ts'
import { type CalicoOptions, calicoOptions } from './options.ts'

function check(options: CalicoOptions, context: SchemeContext): readonly SchemeFinding[] {
  return [...checkStore(context), ...checkPool(options), ...checkReflectors(options, context)]
}

function checkStore({ store }: SchemeContext): SchemeFinding[] {
  const path = ['scheme']
  const remedy = 'add store: { kind: etcd }'
  if (store?.kind !== 'etcd') {
    return [{ path, message: 'calico keeps its resources in etcd', remedy }]
  }
  if (store.version !== '2.3') return []
  return [{ path, message: 'etcd 2.3 has no v3 keys', remedy: 'a later version of the store' }]
}

/** The API refuses such a pool (libcalico-go/lib/validator). */
function checkPool({ subnet, blockSize }: CalicoOptions): SchemeFinding[] {
  if (subnet.length <= blockSize) return []
  const message = `a pool of ${formatPrefix(subnet)} is smaller than a block of /${blockSize}`
  return [{ path: ['blockSize'], message, remedy: 'a longer blockSize, or a larger pool' }]
}

function checkReflectors(
  { routeReflectors }: CalicoOptions,
  { hosts }: SchemeContext,
): SchemeFinding[] {
  const names = new Set(hosts.map(({ name }) => name))
  return routeReflectors.flatMap((host, i) =>
    names.has(host)
      ? []
      : [{ path: ['routeReflectors', i], message: `there is no host ${host}`, remedy: 'a host' }],
  )
}

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
  check,
  note: () => 'etcd v3 is spoken as JSON over HTTP, not as gRPC',
  showcase: [
    ...['none', 'ipip', 'vxlan', 'ipip-crosssubnet', 'vxlan-crosssubnet'].map((encapsulation) =>
      showcaseOf({ encapsulation }),
    ),
    {
      name: 'calico/none (policy)',
      ...showcaseOf({ encapsulation: 'none', policies: SAME_NAMESPACE_ONLY }),
    },
  ],
  startHost: startCalico,
}
