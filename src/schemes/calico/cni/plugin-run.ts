import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import type { Process } from '../../../sim/process.ts'
import type { Datastore } from '../datastore/client.ts'
import type { Ipam } from '../ipam/ipam.ts'

/** What one run of a plugin works with. */
export interface PluginRun {
  readonly program: Program
  readonly host: Host
  readonly node: string
  readonly datastore: Datastore
  readonly ipam: Ipam
  /** The plugins of a host take turns at IPAM (/var/run/calico/ipam.lock). */
  readonly lock: IpamLock
  /** MTU of what is attached, bytes. */
  readonly mtu: number
}

/** A lock of files: who holds it may be killed, and then the next has it. */
export class IpamLock {
  private holder: Program | null = null
  private readonly waiting: Condition[] = []

  private release(program: Program): void {
    if (this.holder !== program) return
    this.holder = null
    this.waiting.shift()?.notify()
  }

  /** Does `work` while no other run does its own. */
  *hold<T>(program: Program, work: Process<T>): Process<T> {
    while (this.holder?.isRunning === true) {
      const turn = new Condition(program)
      this.waiting.push(turn)
      yield* turn.wait()
    }
    this.holder = program
    // A run that is killed does not come to its end, but the kernel lets go of its lock.
    program.ended.wait(program.simulator, () => this.release(program))
    const result = yield* work
    this.release(program)
    return result
  }
}
