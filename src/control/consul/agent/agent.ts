import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { SerfEvent } from '../../gossip/serf/events.ts'
import type { Serf } from '../../gossip/serf/serf.ts'
import { Program } from '../../program/program.ts'
import type { ConsulCall, ConsulReply } from '../http/call.ts'
import { type ConsulSettings, DATACENTER, holdPause } from '../settings.ts'
import { serveApi } from './api.ts'
import { type ConsulNode, isServer, startLan } from './lan-pool.ts'
import { mayRetry, RpcPool } from './rpc.ts'
import { ServerList } from './server-list.ts'

/** An agent that has joined nobody (structs.ErrNoServers). */
const NO_SERVERS = 'No known Consul servers'
/** agent/router: clientRPCMinReuseDuration, and as much as its half more. */
const REBALANCE = 120 * SECOND
const REBALANCE_JITTER = 60 * SECOND

export interface AgentEnvironment {
  readonly namespace: NetNamespace
  readonly settings: ConsulSettings
  readonly self: ConsulNode
  /** Whom it joins. */
  readonly servers: readonly ConsulNode[]
}

/** One life of an agent that is no server: it holds no data and asks the servers that gossip tells of. */
export class ConsulAgent {
  readonly program: Program
  private readonly settings: ConsulSettings
  private readonly servers = new ServerList()
  private readonly pool: RpcPool
  private readonly lan: Serf | null

  constructor({ namespace, settings, self, servers }: AgentEnvironment) {
    const program = new Program(namespace, `consul ${self.name}`)
    this.program = program
    this.settings = settings
    this.pool = new RpcPool(program)
    this.lan = startLan(program, self, 'node', settings, servers, (event) => this.onEvent(event))
    const identity = { node: self.name, datacenter: DATACENTER, version: settings.version }
    const serves = serveApi(program, identity, (call) => this.answer(call))
    program.spawn(this.rebalance())
    if (this.lan === null || !serves) {
      program.log.push('==> Error starting agent: bind: address already in use')
      program.kill()
    }
  }

  /** SIGTERM: an agent that is no server tells the others that it leaves (leave_on_terminate). */
  leave(): void {
    this.program.spawn(this.leaveInOrder())
  }

  private *leaveInOrder(): Process {
    if (this.lan !== null) yield* this.lan.leave()
    this.program.kill()
  }

  private onEvent(event: SerfEvent): void {
    if (!('member' in event) || !isServer(event.member)) return
    const { name, address } = event.member
    if (event.type === 'member-join' || event.type === 'member-update') {
      this.servers.add({ name, address })
    } else this.servers.remove(name)
  }

  /** Has a server answer. Source: consul agent/consul/client.go RPC. */
  private *answer(call: ConsulCall): Process<ConsulReply> {
    const { program, settings, servers, pool } = this
    // From the first attempt on: the servers may have held the call themselves.
    const since = program.now
    for (;;) {
      const server = servers.first
      if (server === null) return { kind: 'error', text: NO_SERVERS }
      const reply = yield* pool.call(server.address, call)
      if (reply.kind !== 'error') return reply
      servers.failed(server)
      if (!mayRetry(call, reply.text)) return reply
      if (program.now - since >= settings.rpcHoldTimeout) return reply
      yield* sleep(holdPause(settings, program.random))
    }
  }

  /** Moves on to another server now and then, to one that answers. */
  private *rebalance(): Process {
    const { program, servers, pool } = this
    for (;;) {
      yield* sleep(REBALANCE + Math.floor(program.random.next() * REBALANCE_JITTER))
      servers.shuffle(program.random)
      for (let tries = servers.length; tries > 0; tries--) {
        const server = servers.first
        if (server === null || (yield* pool.ping(server.address))) break
        servers.failed(server)
      }
    }
  }
}
