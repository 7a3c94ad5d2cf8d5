import { Allocator, type AllocatorConfig } from '../../src/schemes/weave/ipam/allocator.ts'
import { AllocatorDisk } from '../../src/schemes/weave/ipam/disk.ts'
import type { MeshConfig } from '../../src/schemes/weave/mesh/router.ts'
import type { Process } from '../../src/sim/process.ts'
import { formatIpv4, type Ipv4Address, ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { MeshBench } from './weave-mesh-bench.ts'

/** What a request has come to: empty while it waits. */
export type Answer = string

const RANGE = prefix('10.32.0.0/12')

/** Routers with allocators, whose disks outlive them. */
export class IpamBench {
  readonly mesh: MeshBench
  readonly disks: AllocatorDisk[]
  private readonly allocators: Allocator[]
  private readonly settings: Partial<AllocatorConfig>

  constructor(
    count: number,
    settings: Partial<AllocatorConfig> = {},
    seed = '1',
    config: Partial<MeshConfig> = {},
  ) {
    this.settings = settings
    this.disks = Array.from({ length: count }, () => new AllocatorDisk())
    this.mesh = new MeshBench(count, { seed }, config)
    this.allocators = this.mesh.routers.map((_, i) => this.make(i + 1))
  }

  allocator(number: number): Allocator {
    return this.allocators[number - 1]!
  }

  /** Kills the program of a host. */
  crash(number: number): void {
    this.mesh.router(number).program.kill()
  }

  /** Starts it again, with what is on its disk, connected with these. */
  restart(number: number, ...to: number[]): void {
    this.mesh.launch(number)
    this.allocators[number - 1] = this.make(number)
    this.mesh.connect(number, ...to)
  }

  /** Asks for an address. @returns a list that gets the answer. */
  allocate(number: number, container: string, subnet?: string): Answer[] {
    const block = subnet === undefined ? null : prefix(subnet)
    return this.start(number, this.allocator(number).allocate(container, block))
  }

  claim(number: number, container: string, address: string): Answer[] {
    return this.start(number, this.allocator(number).claim(container, ipv4(address), 12))
  }

  /** As `allocate`, and runs on until there is an answer, or the seconds are over. */
  allocated(number: number, container: string, subnet?: string, seconds = 30): Answer {
    return this.answer(this.allocate(number, container, subnet), seconds)
  }

  claimed(number: number, container: string, address: string, seconds = 60): Answer {
    return this.answer(this.claim(number, container, address), seconds)
  }

  /** Whose is what, as one peer knows it. */
  ring(number: number): string[] {
    return this.allocator(number).ring.entries.map(
      ({ token, peer, version }) => `${formatIpv4(token)} h${peer} v${version}`,
    )
  }

  /** As `ring`, without versions. */
  owners(number: number): string[] {
    return this.ring(number).map((entry) => entry.replace(/ v\d+$/, ''))
  }

  private make(number: number): Allocator {
    const range = this.settings.range ?? RANGE
    const count = this.disks.length
    const allocator = new Allocator(this.mesh.router(number), {
      init: { mode: 'consensus', peers: count },
      defaultSubnet: range,
      ...this.settings,
      range,
      disk: this.disks[number - 1]!,
    })
    allocator.start()
    return allocator
  }

  private answer(answers: Answer[], seconds: number): Answer {
    for (let i = 0; i < seconds * 20 && answers.length === 0; i++) this.mesh.run(50)
    return answers[0] ?? 'waiting'
  }

  private start(number: number, request: Process<Ipv4Address | string | null>): Answer[] {
    const answers: Answer[] = []
    this.mesh.router(number).program.spawn(
      (function* (): Process {
        const result = yield* request
        answers.push(typeof result === 'number' ? formatIpv4(result) : (result ?? 'ok'))
      })(),
    )
    return answers
  }
}
