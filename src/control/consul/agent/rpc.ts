import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { HttpClient, type HttpResponse } from '../../http/client.ts'
import { HttpError } from '../../http/http-error.ts'
import { Deferred } from '../../program/deferred.ts'
import type { Fibre, Program } from '../../program/program.ts'
import { type ConsulCall, type ConsulReply, NO_LEADER, rpcError } from '../http/call.ts'
import { SERVER_PORT } from '../settings.ts'

/** Where servers take calls. HTTP and JSON stand for Consul's yamux streams with msgpack. */
export const RPC_PATH = '/rpc'
/** Status.Ping, and yamux's own pings. */
export const PING_PATH = '/ping'

/** agent/pool: defaultDialTimeout, and clientRPCConnMaxIdle. */
const DIAL_TIMEOUT = 10 * SECOND
const IDLE_TIMEOUT = 127 * SECOND
/** Yamux has any number of streams in a connection: connections stand for them, so many are kept. */
const IDLE_MAX = 64
/** yamux.DefaultConfig: KeepAliveInterval, and ConnectionWriteTimeout, which a ping has too. */
const KEEP_ALIVE = 30 * SECOND
const PING_TIMEOUT = 10 * SECOND

const BROKEN = 'EOF'

/** Calls of one program to servers. A call has no time-out: it ends with its answer or its connection. */
export class RpcPool {
  private readonly program: Program
  private readonly links = new Map<Ipv4Address, RpcLink>()

  constructor(program: Program) {
    this.program = program
  }

  /** Errors come with the words that a hop adds. */
  *call(server: Ipv4Address, call: ConsulCall): Process<ConsulReply> {
    return yield* this.linkTo(server).call(call)
  }

  /** Whether the server answers. */
  *ping(server: Ipv4Address): Process<boolean> {
    return yield* this.linkTo(server).ping()
  }

  private linkTo(server: Ipv4Address): RpcLink {
    let link = this.links.get(server)
    if (link === undefined) {
      link = new RpcLink(this.program, server)
      this.links.set(server, link)
    }
    return link
  }
}

interface WaitingCall {
  readonly done: Deferred<ConsulReply>
  readonly fibre: Fibre<void>
}

/** All calls to one server break together when it does not answer pings, as streams of a connection. */
class RpcLink {
  private readonly program: Program
  private readonly address: Ipv4Address
  private readonly http: HttpClient
  private readonly waiting = new Set<WaitingCall>()
  private isWatched = false
  private lastUse = 0

  constructor(program: Program, address: Ipv4Address) {
    this.program = program
    this.address = address
    this.http = new HttpClient(program, {
      userAgent: '',
      dialTimeout: DIAL_TIMEOUT,
      idleMax: IDLE_MAX,
      idleTimeout: IDLE_TIMEOUT,
    })
  }

  *call(call: ConsulCall): Process<ConsulReply> {
    const { program } = this
    const done = new Deferred<ConsulReply>(program)
    const waiting = { done, fibre: program.spawn(this.perform(call, done)) }
    this.waiting.add(waiting)
    this.lastUse = program.now
    if (!this.isWatched) program.spawn(this.keepAlive())
    try {
      return (yield* done.wait()) ?? broken(BROKEN)
    } finally {
      this.waiting.delete(waiting)
      waiting.fibre.cancel()
    }
  }

  private *perform(call: ConsulCall, done: Deferred<ConsulReply>): Process {
    done.settle(replyOf(yield* this.post(RPC_PATH, JSON.stringify(call))))
  }

  private *keepAlive(): Process {
    this.isWatched = true
    const { program, waiting } = this
    while (waiting.size > 0 || program.now - this.lastUse < IDLE_TIMEOUT) {
      yield* sleep(KEEP_ALIVE)
      if (yield* this.ping()) continue
      for (const { done } of waiting) done.settle(broken(BROKEN))
      break
    }
    this.isWatched = false
  }

  *ping(): Process<boolean> {
    const response = yield* this.post(PING_PATH, '', PING_TIMEOUT)
    return !(response instanceof HttpError) && response.status === 200
  }

  private *post(path: string, body: string, timeout = Infinity): Process<HttpResponse | HttpError> {
    const { address } = this
    const headers = [['Content-Type', 'application/json']] as const
    const target = { address, port: SERVER_PORT, method: 'POST', path }
    return yield* this.http.request({ ...target, headers, body, timeout })
  }
}

function replyOf(response: HttpResponse | HttpError): ConsulReply {
  if (response instanceof HttpError) {
    // Nothing was sent: there was no connection, and none could be made.
    if (!response.wasSent && response.kind !== 'closed') return noConnection(response.text)
    return broken(BROKEN)
  }
  const reply = JSON.parse(response.text) as ConsulReply
  return reply.kind === 'error' ? broken(reply.text) : reply
}

function broken(text: string): ConsulReply {
  return { kind: 'error', text: rpcError(text, 1) }
}

function noConnection(text: string): ConsulReply {
  const dialled = text.replace(/^dial tcp /, 'dial tcp <nil>->')
  return { kind: 'error', text: `rpc error getting client: failed to get conn: ${dialled}` }
}

/** Whether a call that failed so may be made again: it cannot have changed anything (rpc.go canRetry). */
export function mayRetry(call: ConsulCall, text: string): boolean {
  if (text.includes(NO_LEADER)) return true
  const isRead = call.kind === 'read' || call.kind === 'renew'
  return isRead && text.endsWith(`: ${BROKEN}`)
}
