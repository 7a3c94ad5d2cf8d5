import type { HostDevice } from '../host/host-device.ts'
import type { LinkError } from '../host/link-error.ts'
import type { NetDevice } from '../stack/device.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { AttachError, ContainerSpec } from './contract.ts'

/** What macvlan and ipvlan do each in their own way. */
export interface ChildDriver {
  readonly type: 'macvlan' | 'ipvlan'
  /** Whether a network wants its parent for itself, with whatever engine. */
  readonly isExclusive: boolean
  /** Makes the container's interface, down, on `parent`. */
  makeChild(
    container: ContainerSpec,
    parent: NetDevice,
    address: Ipv4Address,
  ): HostDevice | LinkError | AttachError
  /** Sets the default route. @param gateway null where there is none to be had. */
  setDefaultRoute(container: ContainerSpec, device: NetDevice, gateway: Ipv4Address | null): void
  /** What the user sets up beside the network once its parent is there, and takes down before it goes. */
  parentMade?(parent: NetDevice): void
  parentGoes?(): void
}
