import { LAN, type MemberlistConfig } from '../../src/control/gossip/memberlist/config.ts'
import type { MemberlistDelegate } from '../../src/control/gossip/memberlist/delegate.ts'
import { Memberlist } from '../../src/control/gossip/memberlist/memberlist.ts'
import { Program } from '../../src/control/program/program.ts'
import { SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch, type HostsOptions } from './hosts-on-switch.ts'

const PORT = 7946

export interface Note {
  /** Seconds. */
  readonly at: number
  /** Whose owner was told: h1 is 1. */
  readonly by: number
  readonly what: 'join' | 'leave' | 'update'
  readonly name: string
  /** State of the node then. */
  readonly state: string
}

export interface ClusterOptions extends HostsOptions {
  readonly config?: MemberlistConfig
}

/** Memberlists m1, m2 ... on h1, h2 ..., each with a log of what its owner was told. */
export class MemberlistCluster {
  readonly bench: HostsOnSwitch
  readonly notes: Note[] = []
  /** User messages, as `h2 content`. */
  readonly heard: string[] = []
  readonly lists: Memberlist[] = []
  readonly programs: Program[] = []
  private readonly config: MemberlistConfig
  private starts = 0

  constructor(count: number, options: ClusterOptions = {}) {
    this.bench = new HostsOnSwitch(count, options)
    this.config = options.config ?? LAN
    for (let number = 1; number <= count; number++) this.start(number)
  }

  get seconds(): number {
    return this.bench.simulator.now / SECOND
  }

  /** Starts the program of a host, anew after it was killed; it joins m1. */
  start(number: number): Memberlist {
    const { bench } = this
    const program = new Program(bench.host(number).root, `gossip${++this.starts}`)
    const self = { name: `m${number}`, address: bench.address(number), port: PORT }
    const list = Memberlist.start(program, self, this.config, this.delegate(number))!
    this.programs[number - 1] = program
    this.lists[number - 1] = list
    if (number > 1) program.spawn(list.join([{ address: bench.address(1), port: PORT }]))
    return list
  }

  delegate(number: number): MemberlistDelegate {
    const note = (what: Note['what']) => (node: { name: string; state: string }) => {
      this.notes.push({ at: this.seconds, by: number, what, name: node.name, state: node.state })
    }
    return {
      nodeMeta: () => this.metas.get(number) ?? new Uint8Array(),
      ackPayload: () => new Uint8Array(),
      notifyMessage: (content) =>
        this.heard.push(`h${number} ${new TextDecoder().decode(content)}`),
      broadcasts: () => [],
      localState: () => new Uint8Array(),
      mergeRemoteState: () => {},
      notifyJoin: note('join'),
      notifyLeave: note('leave'),
      notifyUpdate: note('update'),
    }
  }

  readonly metas = new Map<number, Uint8Array>()

  list(number: number): Memberlist {
    return this.lists[number - 1]!
  }

  program(number: number): Program {
    return this.programs[number - 1]!
  }

  /** Runs on for some seconds. */
  run(seconds: number): void {
    this.bench.simulator.run(this.bench.simulator.now + seconds * SECOND)
  }

  /** Runs until `done` holds, at most for `most` seconds. @returns seconds it took. */
  runUntil(done: () => boolean, most: number, step = 0.01): number {
    const start = this.seconds
    while (!done() && this.seconds - start < most) this.run(step)
    return this.seconds - start
  }

  /** State of `name` as each running member sees it, in order of the hosts. */
  views(name: string): (string | undefined)[] {
    return this.lists
      .filter((_, i) => this.programs[i]!.isRunning)
      .map((list) => list.node(name)?.state)
  }

  get everybodyKnowsAll(): boolean {
    return this.lists.every((list) => list.members.length === this.lists.length)
  }

  /** Members that were declared dead, each with who declared it. */
  get failures(): Note[] {
    return this.notes.filter(({ what, state }) => what === 'leave' && state === 'dead')
  }
}
