import { parse } from 'yaml'
import { Program } from '../../src/control/program/program.ts'
import type { DatastoreError } from '../../src/schemes/calico/datastore/client.ts'
import {
  type Kind,
  keyOf,
  type Resource,
  type Values,
} from '../../src/schemes/calico/datastore/model.ts'
import { V3Datastore } from '../../src/schemes/calico/datastore/v3-datastore.ts'
import { calicoScheme } from '../../src/schemes/calico/index.ts'
import { policyResources, policySchema } from '../../src/schemes/calico/policy/schema.ts'
import type { Scheme } from '../../src/schemes/contract.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import type { Netfilter } from '../../src/stack/netfilter/netfilter.ts'
import { Bench, type Sections } from '../contract/bench.ts'

export interface Labelled {
  readonly name: string
  readonly host: string
  readonly labels?: Readonly<Record<string, string>>
}

export type Probe = 'ping' | number

/** Calico on h1 and h2 with containers that have labels; policies come and go by calicoctl on h2. */
export class PolicyBench extends Bench {
  /** By kind and key. */
  private readonly applied = new Map<string, Resource>()

  constructor(containers: readonly Labelled[], options: Sections = {}, more: Sections = {}) {
    super(calicoScheme as Scheme, options, {
      store: { kind: 'etcd', members: 1 },
      containers,
      ...more,
    })
    this.run(3 * SECOND)
  }

  /** `calicoctl apply`: resources as YAML, one document each. Gives Felix a second. */
  apply(...documents: string[]): void {
    const entries = policySchema.parse(documents.map((text) => parse(text) as unknown))
    const resources = policyResources(entries)
    this.calicoctl(function* (datastore) {
      for (const each of resources) {
        const value = each as Values[Kind]
        expectDone(yield* datastore.apply(each.kind as Kind, keyOf(each), value))
      }
    })
    for (const each of resources) this.applied.set(`${each.kind} ${keyOf(each)}`, each)
  }

  /** Deletes all that was applied. */
  clear(): void {
    const resources = [...this.applied.values()]
    this.applied.clear()
    this.calicoctl(function* (datastore) {
      for (const each of resources) {
        expectDone(yield* datastore.delete(each.kind as Kind, keyOf(each), null))
      }
    })
  }

  private calicoctl(body: (datastore: V3Datastore) => Process): void {
    const host = this.world.hosts.get('h2')!
    const program = new Program(host.root, 'calicoctl')
    let isDone = false
    const datastore = new V3Datastore(program, this.world.store!.addressesFor(host))
    program.spawn(
      (function* (): Process {
        yield* body(datastore)
        isDone = true
      })(),
    )
    this.run(SECOND)
    program.kill()
    if (!isDone) throw new Error('calicoctl did not come to an end')
  }

  /** Which of these pairs talk, tried all at once: one echo request, or a handshake on a port. */
  reach(pairs: readonly (readonly [from: string, to: string])[], probe: Probe): boolean[] {
    const ends: (() => boolean)[] = pairs.map(([from, to]) =>
      probe === 'ping' ? this.startPing(from, to) : this.startConnect(from, to, probe),
    )
    this.run(SECOND / 2)
    return ends.map((end) => end())
  }

  talks(from: string, to: string, probe: Probe): boolean {
    return this.reach([[from, to]], probe)[0]!
  }

  private startPing(from: string, to: string): () => boolean {
    const socket = this.endpoint(from).namespace.sockets.openEcho()
    let isAnswered = false
    socket.onReply = () => {
      isAnswered = true
    }
    socket.request(this.endpoint(to).address, 1, 56)
    return () => {
      socket.close()
      return isAnswered
    }
  }

  private startConnect(from: string, to: string, port: number): () => boolean {
    const { namespace } = this.endpoint(to)
    const listener = namespace.sockets.listenTcp(port)
    const client = this.endpoint(from).namespace.sockets.openTcp()
    let isConnected = false
    client.onConnect = () => {
      isConnected = true
    }
    client.connect(this.endpoint(to).address, port)
    return () => {
      client.abort()
      listener?.close()
      return isConnected
    }
  }

  /** The kernel's rules and sets of a host. */
  filter(host: string): Netfilter {
    return this.root(host).filter as Netfilter
  }

  sets(host: string): string {
    return this.world.hosts.get(host)!.commands.ipset.save()
  }

  /** The rules of one chain of a host, without Felix's hashes. */
  chain(host: string, name: string): string[] {
    const lines = this.filter(host).save().split('\n')
    return lines
      .filter((line) => line.startsWith(`-A ${name} `))
      .map((line) => line.slice(4 + name.length).replace(/-m comment --comment "cali:\S+" /, ''))
  }
}

function expectDone(result: DatastoreError | null): void {
  if (result !== null) throw new Error(result.text)
}
