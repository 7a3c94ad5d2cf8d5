import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import { seeds } from '../../../../test/seeds.ts'
import { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import type { RandomStream } from '../../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { formatIpv4, type Ipv4Address, prefix } from '../../../wire/ipv4-address.ts'
import type { GossipData, Gossiper } from '../mesh/gossip.ts'
import { Allocator, type AllocatorChannel } from './allocator.ts'
import { AllocatorDisk } from './disk.ts'

const PEERS = 4
const RANGE = prefix('10.32.0.0/26')

/** Allocators whose messages come late, in any order, or not at all. */
class LossyPeers {
  readonly bench: HostsOnSwitch
  readonly random: RandomStream
  readonly allocators: Allocator[] = []
  readonly programs: Program[] = []
  readonly errors: string[] = []
  isLossy = true
  private readonly disks = Array.from({ length: PEERS }, () => new AllocatorDisk())
  private readonly gossipers: Gossiper[] = []
  private starts = 0

  constructor(seed: string) {
    this.bench = new HostsOnSwitch(PEERS, { seed })
    this.random = this.bench.simulator.random.stream('loss')
    for (let name = 1; name <= PEERS; name++) this.launch(name)
  }

  launch(name: number): void {
    const program = new Program(this.bench.host(name).root, 'weaver')
    const ourself = { name, uid: BigInt(++this.starts), nickName: `h${name}` }
    this.programs[name - 1] = program
    this.allocators[name - 1] = new Allocator(
      {
        program,
        ourself,
        peers: { byName: () => ourself },
        newGossip: (_channel, gossiper) => this.channel(name, gossiper),
        onPeerRemoved: () => {},
        print: () => {},
      },
      {
        range: RANGE,
        defaultSubnet: RANGE,
        init: { mode: 'consensus', peers: PEERS },
        disk: this.disks[name - 1]!,
      },
    )
    this.allocators[name - 1]!.start()
  }

  /** What routers do each 30 s. */
  gossip(from: number): void {
    const data = this.gossipers[from - 1]!.gossip()!
    for (let to = 1; to <= PEERS; to++) {
      this.deliver(from, to, (gossiper) => gossiper.onGossip(data.encode()[0]!))
    }
  }

  private channel(name: number, gossiper: Gossiper): AllocatorChannel {
    this.gossipers[name - 1] = gossiper
    return {
      gossipUnicast: (to, message) => {
        this.deliver(name, to, (other) => other.onGossipUnicast(name, message))
        return null
      },
      gossipBroadcast: (update: GossipData) => {
        const content = update.encode()[0]!
        for (let to = 1; to <= PEERS; to++) {
          this.deliver(name, to, (other) => other.onGossipBroadcast(name, content))
        }
      },
    }
  }

  private deliver(from: number, to: number, act: (gossiper: Gossiper) => unknown): void {
    if (from === to || (this.isLossy && this.random.integer(0, 2) === 0)) return
    const delay = this.random.integer(1, this.isLossy ? 2000 : 5) * MILLISECOND
    const program = this.programs[to - 1]!
    this.bench.simulator.after(delay, {
      fire: () => {
        const gossiper = this.gossipers[to - 1]!
        const errors = this.errors
        program.spawn(
          (function* (): Process {
            const result = act(gossiper)
            if (typeof result === 'string') errors.push(result)
            yield* []
          })(),
        )
      },
    })
  }
}

/** Attaches, detaches, crashes by lot. */
class RandomLife {
  readonly peers: LossyPeers
  readonly users = new Map<string, string>()
  given = 0
  private readonly hosts = new Map<string, number>()
  private count = 0

  constructor(seed: string) {
    this.peers = new LossyPeers(seed)
  }

  step(): void {
    const { random, bench } = this.peers
    const host = random.integer(1, PEERS)
    const act = random.integer(0, 9)
    if (act <= 4) this.attach(host)
    else if (act <= 6) this.detach()
    else if (act === 7) this.restart(host)
    else this.peers.gossip(host)
    bench.simulator.run(bench.simulator.now + random.integer(0, 4000) * MILLISECOND)
  }

  attach(host: number): void {
    const container = `c${++this.count}`
    const request = this.peers.allocators[host - 1]!.allocate(container)
    this.peers.programs[host - 1]!.spawn(this.note(host, container, request))
  }

  private *note(host: number, container: string, request: Process<Ipv4Address | string>): Process {
    const address = yield* request
    if (typeof address === 'string') return
    const text = formatIpv4(address)
    expect(this.users.get(text) ?? 'nobody').toBe('nobody')
    this.users.set(text, container)
    this.hosts.set(container, host)
    this.given++
  }

  private detach(): void {
    const containers = [...this.users]
    if (containers.length === 0) return
    const [address, container] = containers[this.peers.random.integer(0, containers.length - 1)]!
    expect(this.peers.allocators[this.hosts.get(container)! - 1]!.delete(container)).toBeNull()
    this.users.delete(address)
  }

  private restart(host: number): void {
    this.peers.programs[host - 1]!.kill()
    this.peers.launch(host)
  }
}

describe('allocators', () => {
  // Issue 6: 10,000 random sequences.
  it('never give an address twice, whatever is lost, late or restarted; in the end all know one ring', () => {
    let given = 0
    for (const seed of seeds('weave-ring', 10000, 'WEAVE_RING_SEED')) {
      const life = new RandomLife(seed)
      const { peers } = life
      for (let step = 0; step < 30; step++) life.step()
      peers.isLossy = false
      peers.bench.simulator.run(peers.bench.simulator.now + 30 * SECOND)
      for (let name = 1; name <= PEERS; name++) peers.gossip(name)
      peers.bench.simulator.run(peers.bench.simulator.now + 5 * SECOND)
      const owners = peers.allocators.map(({ ring }) =>
        ring.entries.map(({ token, peer }) => `${token} ${peer}`).join(),
      )
      expect(new Set(owners).size, `one ring: ${seed}`).toBe(1)
      expect(peers.errors, seed).toEqual([])
      given += life.given
    }
    expect(given).toBeGreaterThan(500)
  }, 3600000)
})
