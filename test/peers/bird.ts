/** Starts the real BIRD 2 (Debian's bird2) on loopback, and speaks to it with our sessions in real time. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Neighbour } from '../../src/control/bgp/neighbour.ts'
import type { Cancellable, Clock } from '../../src/control/bgp/session/clock.ts'
import type { ConnectionEnd, Transport } from '../../src/control/bgp/session/connection.ts'
import {
  BgpSpeaker,
  type SpeakerSettings,
  type SpeakerUser,
} from '../../src/control/bgp/speaker.ts'
import { RandomStreams } from '../../src/sim/random.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../src/wire/ipv4-address.ts'

const BIRD = 'bird'
const BIRDC = 'birdc'
const POLL_MS = 20
const LOG_CHARACTERS_MAX = 20_000
const NANOSECONDS = 1000

/** Waits until `what` holds. @throws after `timeoutMs`, with `describe()`. */
export async function until(
  what: () => boolean,
  timeoutMs: number,
  describe: () => string,
): Promise<void> {
  for (let waited = 0; !what(); waited += POLL_MS) {
    if (waited >= timeoutMs) throw new Error(`not within ${timeoutMs} ms:\n${describe()}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** A TCP port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** One BIRD in the foreground: no service, no kernel routes, files in a folder of its own. */
export class RealBird {
  /** What it wrote, the end of it. */
  log = ''
  private readonly folder = mkdtempSync(join(tmpdir(), 'encap-bird-'))
  private readonly child: ChildProcess

  /** @param flags further ones of bird(8). */
  constructor(configuration: string, flags: readonly string[] = []) {
    const file = join(this.folder, 'bird.conf')
    writeFileSync(file, configuration)
    const args = ['-f', '-c', file, '-s', this.control, '-P', join(this.folder, 'pid'), ...flags]
    this.child = spawn(BIRD, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-LOG_CHARACTERS_MAX)
    })
    // A test process that ends early must leave neither it nor its files behind.
    process.once('exit', this.remove)
  }

  private get control(): string {
    return join(this.folder, 'control')
  }

  /** Stops, goes on with or ends the process. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    this.child.kill(name)
  }

  /** The answer of `birdc`. */
  ask(command: string): string {
    const args = ['-r', '-s', this.control, ...command.split(' ')]
    return execFileSync(BIRDC, args, { encoding: 'utf8', timeout: 5000 })
  }

  /** As `ask`, for commands that change something. */
  tell(command: string): string {
    const args = ['-s', this.control, ...command.split(' ')]
    return execFileSync(BIRDC, args, { encoding: 'utf8', timeout: 5000 })
  }

  stop(): void {
    process.off('exit', this.remove)
    this.remove()
  }

  private readonly remove = (): void => {
    this.child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

class RealClock implements Clock {
  get now(): number {
    return Number(process.hrtime.bigint()) * NANOSECONDS
  }

  after(duration: number, callback: () => void): Cancellable {
    const timer = setTimeout(callback, duration / 1e9)
    return { cancel: () => clearTimeout(timer) }
  }
}

class SocketTransport implements Transport {
  private readonly socket: Socket
  /** Says nothing more: keepalives are lost. */
  isMute = false

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(content: Uint8Array): void {
    if (!this.isMute) this.socket.write(content)
  }

  close(): void {
    this.socket.end()
  }

  abort(): void {
    this.socket.removeAllListeners()
    this.socket.destroy()
  }
}

/** Our speaker on real sockets. */
export class LoopbackSpeaker implements SpeakerUser {
  readonly clock = new RealClock()
  readonly random = new RandomStreams('loopback').stream('speaker')
  readonly speaker: BgpSpeaker
  /** Next hops by destination, as text. */
  readonly routes = new Map<string, string[]>()
  /** How each session ended, by the peer's address. */
  readonly ends = new Map<Ipv4Address, ConnectionEnd>()
  private readonly transports = new Map<Neighbour, SocketTransport>()
  private readonly port: number
  private readonly sources: ReadonlyMap<Ipv4Address, string>

  /** @param port of the peers. @param sources our address towards each peer. */
  constructor(settings: SpeakerSettings, port: number, sources: ReadonlyMap<Ipv4Address, string>) {
    this.port = port
    this.sources = sources
    this.speaker = new BgpSpeaker(settings, this)
  }

  connect(neighbour: Neighbour): void {
    const { session, settings } = neighbour
    const { port } = this
    const attempt = session.currentAttempt
    const socket = connect({
      port,
      host: formatIpv4(settings.remoteAddress),
      localAddress: this.sources.get(settings.remoteAddress)!,
      noDelay: true,
    })
    socket.once('error', () => session.refused(attempt))
    socket.once('connect', () => {
      const transport = new SocketTransport(socket)
      const connection = session.connected(attempt, transport)
      if (connection === null) return socket.destroy()
      this.transports.set(neighbour, transport)
      socket.on('data', (content: Buffer) => connection.receive(new Uint8Array(content)))
      socket.once('close', () => connection.lost())
      return undefined
    })
  }

  /** As the kernel does when the program is killed: connections end, and nobody says why. */
  kill(): void {
    for (const transport of this.transports.values()) transport.abort()
  }

  /** From now on the peer hears nothing. */
  mute(neighbour: Neighbour): void {
    this.transports.get(neighbour)!.isMute = true
  }

  setRoute(prefix: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void {
    const key = formatPrefix(prefix)
    if (nexthops.length === 0) this.routes.delete(key)
    else this.routes.set(key, nexthops.map(formatIpv4))
  }

  wantFlush(): void {
    setImmediate(() => this.speaker.flush())
  }

  stateChanged({ settings }: Neighbour, end: ConnectionEnd | null): void {
    if (end !== null) this.ends.set(settings.remoteAddress, end)
  }
}
