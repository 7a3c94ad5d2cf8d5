/** One failure in a world of its own: what goes on, what breaks, when it heals, and by what. */
import { AttachError, type ContainerSpec, type Endpoint } from '../../../schemes/contract.ts'
import { type Process, type RunningProcess, sleep, spawn } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { Case } from '../case.ts'
import type { Section } from '../entrant.ts'
import type { Trial } from '../trial.ts'
import { idleHosts, type Places } from '../two-networks.ts'
import { type Receiver, Stream, type StreamOptions } from './failures-stream.ts'

export const NETWORK = 'app'

/** How long a failure lasts that does not say so, and what it has to heal by itself afterwards. */
const FAILURE_LENGTH = 20 * SECOND
export const HEALING_MAX = 25 * SECOND
/** What is given to a remedy. */
const REMEDY_MAX = 10 * SECOND

/** From the beginning of a failure until something new is tried in it. */
const NEWS_AFTER = SECOND
/** Between two attempts to start a container. */
const RETRY_AFTER = 2 * SECOND
/** What a container may take to start where nothing is wrong. */
const START_MAX = 10 * SECOND

const FIRST_PORT = 21_000

/** What befalls the network; times are picoseconds of the run. */
export interface Failure {
  readonly name: string
  /** Entries of the section `faults`, without times. */
  readonly faults: readonly Section[]
  /** Picoseconds; 0: it happens at one instant. Default: 20 s. */
  readonly length?: number
  /** To whom it is spoken. */
  readonly far: 'far' | 'third'
  /** Streams besides the usual ones. */
  readonly more?: 'to the far host' | 'full-size packets'
}

export interface FailureTimes {
  readonly start: number
  readonly end: number
}

/** What one failure did to one stream. */
export interface Fate {
  readonly stream: string
  readonly silence: { readonly from: number; readonly to: number | null } | null
}

export interface Findings {
  readonly trial: Trial
  readonly times: FailureTimes
  /** Whether containers of two hosts reached each other before. */
  readonly crossesHosts: boolean
  readonly fates: readonly Fate[]
  /** What brought back what had not healed by itself; null when nothing did, or none was needed. */
  readonly remedy: string | null
}

/** Four containers: two on the near host, one on each of the others. */
export function failureSections(asked: Case, { near, far, third }: Places): Section {
  return {
    hosts: idleHosts(asked),
    workload: null,
    faults: null,
    duration: '1s',
    networks: { [NETWORK]: asked.network() },
    containers: [
      { name: 'a', host: near },
      { name: 'a2', host: near },
      { name: 'b', host: far },
      ...(third === far ? [] : [{ name: 'c', host: third }]),
    ].map((container) => ({ ...container, networks: [NETWORK] })),
  }
}

/** @param start whole seconds, in picoseconds; by then all containers have their networks. */
export function fail(
  asked: Case,
  places: Places,
  failure: Failure,
  start: number,
  sections: Section = failureSections(asked, places),
): Findings | null {
  const length = failure.length ?? FAILURE_LENGTH
  const end = start + length
  const when = { at: seconds(start), ...(length === 0 ? {} : { until: seconds(end) }) }
  const faults = failure.faults.map((fault) => ({ ...fault, ...when }))
  const duration = seconds(end + HEALING_MAX)
  const trial = asked.trial(failure.name, { ...sections, faults, duration })
  trial.run(start - 2 * SECOND)
  const watch = FailureWatch.begin(trial, places, failure)
  if (watch === null) return null
  trial.run(2 * SECOND + NEWS_AFTER)
  watch.beginNews()
  const fates = watch.follow(start, Math.max(end, trial.now))
  const remedy = watch.hasBroken ? watch.tryRemedies() : null
  watch.end()
  const { crossesHosts } = watch
  return { trial, times: { start, end }, crossesHosts, fates, remedy }
}

function seconds(time: number): string {
  return `${Math.round(time / SECOND)}s`
}

/** The streams of one trial. */
class FailureWatch {
  private readonly streams: Stream[] = []
  private readonly trial: Trial
  private readonly places: Places
  private readonly failure: Failure
  private readonly a: Endpoint
  private readonly far: Endpoint
  crossesHosts = true
  private nextPort = FIRST_PORT
  private starting: RunningProcess<void> | null = null

  /** @returns null when the containers have not got on their network. */
  static begin(trial: Trial, places: Places, failure: Failure): FailureWatch | null {
    const a = trial.endpoint('a')
    const far = trial.endpoint(failure.far === 'far' || places.third === places.far ? 'b' : 'c')
    return a && far ? new FailureWatch(trial, places, failure, a, far) : null
  }

  private constructor(trial: Trial, places: Places, failure: Failure, a: Endpoint, far: Endpoint) {
    this.trial = trial
    this.places = places
    this.failure = failure
    this.a = a
    this.far = far
    this.open('old flow', a.namespace, far)
    const sibling = trial.endpoint('a2')
    if (sibling) this.open('same host', a.namespace, sibling)
    const b = trial.endpoint('b')
    if (failure.more === 'to the far host' && b) this.open(failure.more, a.namespace, b)
    if (failure.more === 'full-size packets') {
      const mtu = a.namespace.device(a.device)?.mtu ?? 1500
      this.open(failure.more, a.namespace, far, { bytes: mtu - 28 })
    }
  }

  private open(name: string, from: NetNamespace, to: Receiver, options: StreamOptions = {}): void {
    const { simulator } = this.trial.world
    this.streams.push(new Stream(simulator, name, from, to, this.nextPort++, options))
  }

  /** What began before the failure has shown by now whether it works at all. */
  beginNews(): void {
    this.crossesHosts = this.streams[0]!.wasAnswered
    const idle = this.streams.filter((stream) => !stream.wasAnswered)
    for (const stream of idle) {
      stream.end()
      this.streams.splice(this.streams.indexOf(stream), 1)
    }
    const sibling = this.trial.endpoint('a2')
    if (!this.crossesHosts) return
    if (sibling) this.open('new flow', sibling.namespace, this.far)
    this.starting = this.startNew('late')
  }

  private startNew(name: string): RunningProcess<void> {
    return spawn(this.trial.world.simulator, this.startContainer(name))
  }

  /** As an orchestrator does it: again and again until it runs. */
  private *startContainer(name: string): Process {
    const { world } = this.trial
    const { near } = this.places
    const orderedAt = this.trial.now
    const namespace = world.hosts.get(near)!.addContainer(name)
    const spec = specOf(name, namespace)
    for (;;) {
      const result = yield* this.trial.daemon(near, NETWORK).attach(spec)
      if (!(result instanceof AttachError)) {
        const options = { orderedAt, tolerance: START_MAX }
        this.open('new container', result.namespace, this.far, options)
        return
      }
      yield* sleep(RETRY_AFTER)
    }
  }

  private get hasNewContainer(): boolean {
    return !this.crossesHosts || this.streams.some(({ name }) => name === 'new container')
  }

  private get broken(): readonly Stream[] {
    return this.streams.filter((stream) => !stream.isAnswered)
  }

  get hasBroken(): boolean {
    return !this.hasNewContainer || this.broken.length > 0
  }

  /** Runs until all is well again after `end`, or the patience is over. */
  follow(start: number, end: number): Fate[] {
    this.trial.run(end - this.trial.now + SECOND)
    this.wait(HEALING_MAX)
    const fates: Fate[] = this.streams.map((stream) => ({
      stream: stream.name,
      silence: stream.silence(start),
    }))
    if (this.hasNewContainer) return fates
    const silence = { from: start + NEWS_AFTER, to: null }
    return [...fates, { stream: 'new container', silence }]
  }

  private wait(most: number): void {
    const last = this.trial.now + most
    while (this.hasBroken && this.trial.now < last) this.trial.run(500 * MILLISECOND)
  }

  /** @returns the first that helped; null when none did. */
  tryRemedies(): string | null {
    if (this.answersElsewhere()) return 'at its new address'
    const { near, far, third } = this.places
    const hosts = new Set([near, this.failure.far === 'far' ? far : third, far])
    for (const host of hosts) this.trial.daemon(host, NETWORK).crash()
    this.trial.run(100 * MILLISECOND)
    for (const host of hosts) this.trial.daemon(host, NETWORK).start()
    if (!this.hasNewContainer) {
      // Who asked the old daemon has no answer from the new one.
      this.starting?.cancel()
      this.starting = this.startNew('later')
    }
    this.wait(REMEDY_MAX)
    if (!this.hasBroken) return 'daemons restarted'
    return this.restartContainers() ? 'containers restarted' : null
  }

  /** Whether all that is broken is the old address of a container that has come back with another. */
  private answersElsewhere(): boolean {
    const b = this.trial.endpoint('b')
    const broken = this.broken
    if (b === undefined || broken.length === 0) return false
    if (broken.some(({ name }) => name !== 'to the far host')) return false
    this.open('at its new address', this.a.namespace, b)
    this.trial.run(2 * SECOND)
    return this.streams.at(-1)!.isAnswered
  }

  /** Ends containers and starts them again; others may speak to them at their new addresses then. */
  private restartContainers(): boolean {
    const { trial, places } = this
    const names = new Set(this.broken.map(({ name }) => name))
    const a = this.restart(this.a, places.near)
    const sibling = trial.endpoint('a2')
    const pairs: (Endpoint | null)[] = []
    if (names.has('same host') && sibling) pairs.push(this.restart(sibling, places.near))
    if (!names.has('same host') || names.size > 1 || !this.hasNewContainer) {
      const host = this.far.container === 'b' ? places.far : places.third
      pairs.push(this.restart(this.far, host))
    }
    if (a === null) return false
    const found = pairs.filter((to) => to !== null)
    for (const to of found) this.open('restarted', a.namespace, to)
    trial.run(REMEDY_MAX)
    const restarted = this.streams.slice(this.streams.length - found.length)
    return found.length === pairs.length && restarted.every((stream) => stream.isAnswered)
  }

  private restart(endpoint: Endpoint, host: string): Endpoint | null {
    const { trial } = this
    trial.detach(endpoint, host)
    const { container: name } = endpoint
    const result = trial.attach({ name, host, network: NETWORK }, REMEDY_MAX)
    return result instanceof AttachError ? null : result
  }

  end(): void {
    for (const stream of this.streams) stream.end()
  }
}

export function specOf(name: string, namespace: NetNamespace): ContainerSpec {
  return {
    name,
    network: NETWORK,
    namespace,
    device: 'eth0',
    defaultRoute: true,
    address: null,
    mac: null,
    labels: {},
  }
}
