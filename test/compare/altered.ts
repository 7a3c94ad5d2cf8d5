/** Schemes altered on purpose, to see which cells of a comparison change. */
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type Scheme,
} from '../../src/schemes/contract.ts'
import type { Process } from '../../src/sim/process.ts'
import { type Ipv4Prefix, prefix } from '../../src/wire/ipv4-address.ts'

type Attach = (daemon: Daemon, container: ContainerSpec) => Process<Endpoint | AttachError>

/** The scheme under another name, with another way of attaching containers. */
function altered(scheme: Scheme, name: string, attach: Attach): Scheme {
  return {
    ...scheme,
    name,
    showcase: scheme.showcase!.slice(0, 1).map((showcase) => ({ ...showcase, name })),
    startHost: (host, network) => {
      const daemon = scheme.startHost(host, network)
      return Object.assign(Object.create(daemon) as Daemon, {
        attach: (container: ContainerSpec) => attach(daemon, container),
      })
    },
  }
}

/** Every container finds all others of one block at its own interface: networks leak into each other. */
export function leaky(scheme: Scheme, block: Ipv4Prefix = prefix('10.32.0.0/12')): Scheme {
  return altered(scheme, 'leaky', function* (daemon, container) {
    const endpoint = yield* daemon.attach(container)
    if (endpoint instanceof AttachError) return endpoint
    const { namespace } = container
    const device = namespace.device(container.device)!
    namespace.routes.replace({ destination: block, device, source: endpoint.address })
    return endpoint
  })
}

/** Who asks for an address gets it, whoever has it: leases are forgotten. */
export function forgetful(scheme: Scheme): Scheme {
  return altered(scheme, 'forgetful', function* (daemon, container) {
    const { address, namespace } = container
    const endpoint = yield* daemon.attach({ ...container, address: null })
    if (endpoint instanceof AttachError || address === null) return endpoint
    const device = namespace.device(container.device)!
    namespace.removeAddress(device, { address: endpoint.address, length: endpoint.length })
    namespace.addAddress(device, { address, length: endpoint.length })
    return { ...endpoint, address }
  })
}
