import type { z } from 'zod'
import type { StoreCluster } from '../control/cluster/store.ts'
import type { Host } from '../host/host.ts'
import type { Process } from '../sim/process.ts'
import type { RandomStream } from '../sim/random.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address, Ipv4Prefix } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'

/** A network of the scenario, as every host's daemon was configured with it. */
export interface NetworkSpec<Options = unknown> {
  readonly name: string
  readonly options: Options
  /** The hosts that take part, in the scenario's order: what an operator knows beforehand. */
  readonly members: readonly NetworkMember[]
  /** What the daemons may ask; null when the scenario has none. */
  readonly store: StoreCluster | null
  /** Chance of the network as a whole, such as generated MAC addresses. */
  readonly random: RandomStream
}

export interface NetworkMember {
  readonly host: string
  readonly address: Ipv4Address
}

export interface ContainerSpec {
  readonly name: string
  readonly network: string
  readonly namespace: NetNamespace
  /** Name of the interface inside the container: eth0 for its first network. */
  readonly device: string
  /** Whether this network gives the container its default route. */
  readonly defaultRoute: boolean
  /** Asked for by the user; null when the scheme is to choose. */
  readonly address: Ipv4Address | null
  readonly mac: MacAddress | null
  /** What its orchestrator says of it, by key, for schemes that go by that. */
  readonly labels: Readonly<Record<string, string>>
}

/** A container's place on a network. */
export interface Endpoint {
  readonly container: string
  readonly network: string
  readonly device: string
  readonly namespace: NetNamespace
  readonly address: Ipv4Address
  readonly length: number
  readonly mac: MacAddress
}

/** Why a container did not get on its network: what the daemon would print. */
export class AttachError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** A scheme's daemon on one host. It knows what it was configured with and what packets told it. */
export interface Daemon {
  /** What it printed, oldest first. */
  readonly log: readonly string[]
  /** Address management, devices and routes of one container; takes simulated time. */
  attach(container: ContainerSpec): Process<Endpoint | AttachError>
  detach(endpoint: Endpoint): Process<void>
  /** An orderly end: removes what the real daemon removes. */
  stop(): void
  /** kill -9: what is in the kernel stays there. */
  crash(): void
  /**
   * Starts it again after `stop` or `crash`: it finds what it left on its host. After a reboot
   * (`Host.boots` has grown) the kernel is empty, its disk is as it was, and every container comes by
   * `attach` once more.
   */
  start(): void
  /**
   * The operator takes the host out of the network for good, as the manual has it; its containers have
   * been detached. The daemon has ended when it is over; `start` joins again.
   */
  leave(): Process<void>
  /**
   * A user types the command of `Scheme.removal` at this host. @returns what it refuses with, or null when
   * the network is gone.
   */
  removeNetwork?(network: string): Process<string | null>
  /** After `removeNetwork` its user makes it again, as the scenario has it. @returns as that. */
  createNetwork?(network: string): Process<string | null>
}

/** One way of joining containers of several hosts: a control plane over Linux primitives. */
export interface Scheme<Options = unknown> {
  readonly name: string
  /** One sentence for the reference page. */
  readonly summary: string
  /** Its part of the scenario file, beside `scheme`. A key `subnet` is the network's address block. */
  readonly options: z.ZodType<Options>
  /** Whether containers take addresses of the fabric's own subnet. */
  readonly sharesFabricSubnet?: boolean
  /** Scheme and variant as tables name it, such as `a/b`. */
  variant(options: Options): string
  /** Faults that lie in the options together with the scenario. */
  check?(options: Options, context: SchemeContext): readonly SchemeFinding[]
  /** Devices and chains that a network has for itself on each of its hosts, by name. */
  claims?(options: Options): readonly string[]
  /** The command by which a user removes a network; absent when there is none. Its daemons know it. */
  readonly removal?: string
  /** What a reader of the results must know of how the network was set up; null if nothing. */
  note?(options: Options): string | null
  /** Its variants as a comparison shows them; the first is what one gets who says nothing. */
  readonly showcase?: readonly Showcase[]
  /** Starts the daemon on one host. */
  startHost(host: Host, network: NetworkSpec<Options>): Daemon
}

/** A variant of a scheme as a scenario file would have it. */
export interface Showcase {
  /** Default: what `Scheme.variant` says; for what that does not tell apart. */
  readonly name?: string
  /** Keys of the network beside `scheme`. */
  readonly options: Readonly<Record<string, unknown>>
  /** What a second network on the same hosts must say otherwise; default: nothing. */
  readonly another?: Readonly<Record<string, unknown>>
  /** The section `store` that it needs; default: none. */
  readonly store?: Readonly<Record<string, unknown>>
  /** What an operator sets up in the fabric for it: keys of the section `fabric`; default: nothing. */
  readonly fabric?: Readonly<Record<string, unknown>>
  /** Keys with which leases end within two minutes that else last for hours; default: none. */
  readonly shortLeases?: Readonly<Record<string, unknown>>
}

export interface SchemeContext {
  readonly network: string
  readonly mode: 'l2' | 'l3' | 'cloud'
  readonly fabricSubnet: Ipv4Prefix
  /** The scenario's store; null when it has none. */
  readonly store: { readonly kind: string; readonly version: string } | null
  /** All hosts, with the number of their containers on this network. */
  readonly hosts: readonly {
    readonly name: string
    readonly address: Ipv4Address
    readonly mtu: number
    readonly containers: number
  }[]
}

export interface SchemeFinding {
  /** Within the options: `['subnet']`. */
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly remedy: string
}
