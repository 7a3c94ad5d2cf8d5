import type { NetNamespace } from '../../../stack/namespace.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { ContainerSpec, Endpoint } from '../../contract.ts'
import type { CalicoOptions } from '../options.ts'

/** A network of the scenario, as a host's plugins are configured with it. */
export interface CalicoNetwork {
  readonly name: string
  readonly options: CalicoOptions
}

/** A container that was attached, as its orchestrator keeps it on disk. */
export interface Workload {
  readonly container: ContainerSpec
  readonly network: CalicoNetwork
  /** Of the sandbox, or of Docker's endpoint: 64 hexadecimal digits. */
  readonly id: string
  /** Of IPAM; null = none. */
  readonly handle: string | null
  /** Key of its WorkloadEndpoint. */
  readonly endpointKey: string
  readonly device: string
  readonly address: Ipv4Address
}

export function keyOfWorkload(network: string, container: string): string {
  return `${network}/${container}`
}

export function endpointOf({ container, address }: Workload, namespace: NetNamespace): Endpoint {
  const { name, network, device } = container
  const { mac } = namespace.device(device)!
  return { container: name, network, device, namespace, address, length: 32, mac }
}

/** What the step that failed prints. `isLasting`: another attempt would come to the same. */
export class PluginError {
  readonly text: string
  readonly isLasting: boolean

  constructor(text: string, isLasting: boolean) {
    this.text = text
    this.isLasting = isLasting
  }
}
