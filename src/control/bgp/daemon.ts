import type { Process } from '../../sim/process.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { formatIpv4, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { Condition } from '../program/condition.ts'
import { Mailbox } from '../program/mailbox.ts'
import { Program } from '../program/program.ts'
import { Stream, StreamListener } from '../program/stream.ts'
import type { Neighbour } from './neighbour.ts'
import type { Cancellable } from './session/clock.ts'
import type { Connection, ConnectionEnd, Transport } from './session/connection.ts'
import { BgpSpeaker, type SpeakerSettings, type SpeakerUser } from './speaker.ts'
import { StreamTransport } from './stream-transport.ts'
import { errorText } from './wire/error.ts'
import { BGP_PORT } from './wire/message.ts'

/** The daemon that last began in a namespace. */
const daemons = new WeakMap<NetNamespace, BgpDaemon>()

/** What speaks BGP in a namespace now, whatever started it; null if nothing does. */
export function speakerIn(namespace: NetNamespace): BgpSpeaker | null {
  const daemon = daemons.get(namespace)
  return daemon?.program.isRunning ? daemon.speaker : null
}

/** The routes of a kernel that a daemon keeps. */
export interface RouteSink {
  /** @param nexthops none = the route goes. */
  set(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void
  /** After a restart: what has not been set by now is of an earlier life. */
  recovered?(): void
}

/**
 * A BGP daemon on a simulated host or router. Everything happens on its program's thread. Killed, it
 * leaves its routes to the kernel; a restart is a new daemon.
 */
export class BgpDaemon implements SpeakerUser {
  readonly program: Program
  readonly speaker: BgpSpeaker
  readonly clock: SpeakerUser['clock']
  private readonly routes: RouteSink
  /** What is to be done on the thread, at once. */
  private readonly work: Mailbox<() => void>
  private readonly unsent: Condition

  constructor(namespace: NetNamespace, name: string, settings: SpeakerSettings, routes: RouteSink) {
    this.program = new Program(namespace, name)
    this.routes = routes
    this.work = new Mailbox(this.program)
    this.unsent = new Condition(this.program)
    this.clock = new ProgramClock(this.program, (task) => this.post(task))
    this.speaker = new BgpSpeaker(settings, this)
  }

  get random() {
    return this.program.random
  }

  /** Listens, and begins all sessions. */
  start(): void {
    daemons.set(this.program.namespace, this)
    this.program.spawn(this.runFlush())
    this.program.spawn(this.runWork())
    this.program.spawn(this.listen())
    this.post(() => this.speaker.start())
  }

  /** Has something done on the thread, such as `speaker.originate`. */
  post(task: () => void): void {
    this.work.put(task)
  }

  /** SIGTERM: ends the sessions with a NOTIFICATION, and then itself. */
  stop(): void {
    this.post(() => {
      this.speaker.shutDown()
      this.program.spawn(this.exit())
    })
  }

  private *exit(): Process {
    // The writers were woken before this process began: what they had to say is in the kernel by now.
    yield* this.unsent.wait(0)
    this.program.kill()
  }

  /** SIGKILL. */
  crash(): void {
    this.program.kill()
  }

  private *runWork(): Process {
    for (;;) {
      const task = yield* this.work.take()
      task?.()
    }
  }

  private *runFlush(): Process {
    for (;;) {
      yield* this.unsent.wait()
      this.speaker.flush()
    }
  }

  private *listen(): Process {
    const listener = StreamListener.open(this.program, BGP_PORT)
    if (listener === null) {
      this.program.log.push('port 179 is in use')
      return
    }
    for (;;) {
      const stream = yield* listener.accept()
      if (stream === null) return
      const neighbour = this.speaker.peerAt(stream.peerAddress)
      if (neighbour === null) stream.close()
      else this.run(stream, (transport) => neighbour.session.accept(transport))
    }
  }

  connect(neighbour: Neighbour): void {
    this.program.spawn(this.dial(neighbour, neighbour.session.currentAttempt))
  }

  private *dial({ session, settings }: Neighbour, attempt: number): Process {
    const { remoteAddress, timers } = settings
    const { program } = this
    const stream = yield* Stream.connect(program, remoteAddress, BGP_PORT, timers.connectRetry)
    if (typeof stream === 'string') session.refused(attempt)
    else this.run(stream, (transport) => session.connected(attempt, transport))
  }

  private run(stream: Stream, open: (transport: Transport) => Connection | null): void {
    const transport = new StreamTransport(this.program, this.clock, stream)
    const connection = open(transport)
    if (connection === null) transport.close()
    else this.program.spawn(this.read(stream, connection))
  }

  private *read(stream: Stream, connection: Connection): Process {
    for (;;) {
      const content = yield* stream.read()
      if (content === null) return connection.lost()
      connection.receive(content)
    }
  }

  wantFlush(): void {
    this.unsent.notify()
  }

  setRoute(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void {
    this.routes.set(prefix, nexthops)
  }

  recovered(): void {
    this.routes.recovered?.()
  }

  stateChanged({ settings }: Neighbour, end: ConnectionEnd | null): void {
    this.program.log.push(`${formatIpv4(settings.remoteAddress)}: ${stateText(end)}`)
  }
}

function stateText(end: ConnectionEnd | null): string {
  if (end === null) return 'Established'
  return end.kind === 'lost' ? 'connection lost' : `${end.kind} ${errorText(end.error)}`
}

/** Time of a program; what a timer calls runs on the program's thread. */
class ProgramClock {
  private readonly program: Program
  private readonly post: (task: () => void) => void

  constructor(program: Program, post: (task: () => void) => void) {
    this.program = program
    this.post = post
  }

  get now(): number {
    return this.program.now
  }

  after(duration: number, callback: () => void): Cancellable {
    let isCancelled = false
    const timer = this.program.after(duration, () =>
      this.post(() => {
        if (!isCancelled) callback()
      }),
    )
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
      },
    }
  }
}
