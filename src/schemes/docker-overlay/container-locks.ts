import { type Process, Signal } from '../../sim/process.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { ContainerSpec } from '../contract.ts'

/** One after the other: the networks of a container are joined in their order. */
export class ContainerLocks {
  private readonly busy = new Map<NetNamespace, Signal<void>>()

  /** With the daemon ends what it was doing for containers. */
  forget(): void {
    this.busy.clear()
  }

  *alone<T>({ namespace }: ContainerSpec, work: Process<T>): Process<T> {
    for (;;) {
      const other = this.busy.get(namespace)
      if (other === undefined) break
      yield* other.receive()
    }
    const done = new Signal<void>()
    this.busy.set(namespace, done)
    try {
      return yield* work
    } finally {
      this.release(namespace, done)
    }
  }

  private release(namespace: NetNamespace, done: Signal<void>): void {
    if (this.busy.get(namespace) === done) this.busy.delete(namespace)
    done.settle(undefined)
  }
}
