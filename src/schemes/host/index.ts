import { z } from 'zod'
import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import type { AttachError, ContainerSpec, Daemon, Endpoint, Scheme } from '../contract.ts'

/** The host's own network: containers have no namespace of their own, so nothing is set up. */
class HostNetwork implements Daemon {
  readonly log: string[] = []
  private readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { nic, root, address } = this.host
    const { length } = nic.addresses[0]!
    const { name, network } = container
    return {
      container: name,
      network,
      device: nic.name,
      namespace: root,
      address,
      length,
      mac: nic.mac,
    }
  }

  *detach(): Process<void> {}
  stop(): void {}
  crash(): void {}

  /** There is no daemon to start: an engine that is back finds its networks as they were. */
  start(): void {}

  /** Nobody else knows of the host. */
  *leave(): Process<void> {}
}

const options = z.strictObject({})

export const hostScheme: Scheme<z.output<typeof options>> = {
  name: 'host',
  summary: 'The network of the host itself, without isolation: the baseline.',
  options,
  sharesFabricSubnet: true,
  variant: () => 'host',
  showcase: [{ options: {} }],
  startHost: (host) => new HostNetwork(host),
}
