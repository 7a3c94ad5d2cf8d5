import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Receiver, WatchRoot } from '../datastore/client.ts'
import type { FelixConfigurationSpec, Update } from '../datastore/model.ts'
import type { DataplanePart } from './dataplane-part.ts'
import { TokenBucket } from './token-bucket.ts'

/** What Felix follows. Blocks tell it of routes through VXLAN, and are of no use without. */
export function rootsOf(hasVxlan: boolean): readonly WatchRoot[] {
  const resources: WatchRoot = { kind: 'any resource' }
  return hasVxlan ? [resources, { kind: 'AllocationBlock' }] : [resources]
}

/** felix/calc, async_calc_graph.go: a flush each 10 ms, and ten that need not wait. */
const FLUSH_INTERVAL = 10 * MILLISECOND
const FLUSHES_AT_ONCE = 10
/** felix/dataplane/linux, int_dataplane.go: applications, and when one that failed is tried again. */
const APPLY_INTERVAL = 100 * MILLISECOND
const APPLICATIONS_AT_ONCE = 10
const RETRY = 10 * SECOND
/** IptablesPostWriteCheckIntervalSecs. */
const POST_WRITE_CHECK = 5 * SECOND
/**
 * What iptables-restore and its kin take for small changes: quiet nodes log 2 to 22 ms of msecToApply
 * (projectcalico/felix#2032, apprenda/kismatic#567, projectcalico/calico#4254).
 */
const APPLY_TIME = 10 * MILLISECOND

/** What Felix writes to, and reads again from time to time. */
export interface FelixKernel {
  readonly tables: {
    /** @returns whether something was written. */
    apply(): boolean
    resync(): void
  }
  readonly ipsets: {
    applyAdditions(): void
    applyDeletions(): void
    resync(): void
  }
}

/** How often Felix compares the kernel with what it wants, picoseconds; 0 = never. */
export interface RefreshIntervals {
  readonly routes: number
  readonly ipsets: number
  readonly iptables: number
}

/**
 * Felix's two halves: what the datastore says is handed to the parts of the data plane, and applied to the
 * kernel in their order, not too often. Nothing is applied before the datastore has been read whole.
 */
export class Felix implements Receiver {
  private readonly program: Program
  private readonly kernel: FelixKernel
  private readonly parts: readonly DataplanePart[]
  private readonly woken: Condition
  private pending: Update[] = []
  private isInSync = false
  /** Something is to be applied, whether the datastore has changed or not. */
  private isDirty = false
  /** Counts writes to iptables: a check belongs to the last of them. */
  private writes = 0
  /** Applications so far. */
  applied = 0

  constructor(program: Program, kernel: FelixKernel, parts: readonly DataplanePart[]) {
    this.program = program
    this.kernel = kernel
    this.parts = parts
    this.woken = new Condition(program)
  }

  onUpdates(updates: readonly Update[]): void {
    for (const update of updates) this.pending.push(update)
    this.woken.notify()
  }

  onInSync(): void {
    this.isInSync = true
    this.isDirty = true
    this.woken.notify()
  }

  *run({ routes, ipsets, iptables }: RefreshIntervals): Process {
    const { program, kernel } = this
    const resyncRoutes = () => {
      for (const part of this.parts) part.resync?.()
    }
    program.spawn(this.every(routes, resyncRoutes))
    program.spawn(this.every(ipsets, () => kernel.ipsets.resync()))
    program.spawn(this.every(iptables, () => kernel.tables.resync()))
    const flushes = new TokenBucket(program, FLUSHES_AT_ONCE, FLUSH_INTERVAL)
    const applications = new TokenBucket(program, APPLICATIONS_AT_ONCE, APPLY_INTERVAL)
    for (;;) {
      while (!this.isInSync || (this.pending.length === 0 && !this.isDirty)) {
        yield* this.woken.wait()
      }
      yield* flushes.take()
      yield* applications.take()
      this.deliver()
      yield* sleep(APPLY_TIME)
      this.apply()
    }
  }

  private *every(interval: number, act: () => void): Process {
    while (interval > 0) {
      yield* sleep(interval)
      act()
      this.wake()
    }
  }

  private wake(): void {
    this.isDirty = true
    this.woken.notify()
  }

  private deliver(): void {
    const updates = this.pending
    this.pending = []
    this.isDirty = false
    for (const update of updates) {
      for (const part of this.parts) part.onUpdate(update)
    }
  }

  private apply(): void {
    const { kernel, parts, program } = this
    for (const part of parts) part.prepare?.()
    kernel.ipsets.applyAdditions()
    const hasWritten = kernel.tables.apply()
    for (const part of parts) part.applyVteps?.()
    for (const part of parts) part.applyRoutes?.()
    kernel.ipsets.applyDeletions()
    this.applied++
    if (hasWritten) program.spawn(this.checkLater(++this.writes))
    if (parts.some(({ needsRetry }) => needsRetry === true)) program.after(RETRY, () => this.wake())
  }

  /** Somebody else may have written at the same time, as kube-proxy does. */
  private *checkLater(write: number): Process {
    yield* sleep(POST_WRITE_CHECK)
    if (write !== this.writes) return
    this.kernel.tables.resync()
    this.wake()
  }
}

/** FelixConfiguration as one node sees it: its own over the default. */
export class FelixConfig implements DataplanePart {
  private readonly specs = new Map<string, FelixConfigurationSpec>()
  private readonly node: string

  constructor(node: string) {
    this.node = node
  }

  onUpdate(update: Update): void {
    if (update.kind !== 'FelixConfiguration') return
    if (update.value === null) this.specs.delete(update.key)
    else this.specs.set(update.key, update.value.spec)
  }

  get(): FelixConfigurationSpec {
    return { ...this.specs.get('default'), ...this.specs.get(`node.${this.node}`) }
  }
}
