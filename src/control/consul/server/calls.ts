import { type Process, sleep } from '../../../sim/process.ts'
import { formatIpv4 } from '../../../wire/ipv4-address.ts'
import { Deferred } from '../../program/deferred.ts'
import { consulTiming } from '../../raft/timing.ts'
import { mayRetry } from '../agent/rpc.ts'
import { type ConsulCall, type ConsulReply, NO_LEADER, type ReadCall } from '../http/call.ts'
import { holdPause, SERVER_PORT } from '../settings.ts'
import { blockingWait } from '../store/blocking.ts'
import type { Command, Query, Result } from '../store/commands.ts'
import { LEADERSHIP_LOST } from './proposals.ts'
import type { ConsulServer } from './server.ts'

/** structs.ErrNotReadyForConsistentReads: nothing of this leader's term is committed yet. */
const NOT_READY = 'Not ready to serve consistent reads'

type StatusCall = Extract<ConsulCall, { kind: 'status' }>
type LeaderCall = Exclude<ConsulCall, StatusCall>

/** Answers a call, by way of the leader where that is needed. Source: consul agent/consul/rpc.go forward. */
export function* answerCall(server: ConsulServer, call: ConsulCall): Process<ConsulReply> {
  if (call.kind === 'status') return statusOf(server, call)
  const isStale = call.kind === 'read' && call.consistency === 'stale'
  // A server that has not heard a leader since its start does not know what it has.
  if (isStale && server.lastContact !== null) return yield* answerRead(server, call)
  const { program, environment, member } = server
  const { settings } = environment
  let since: number | null = null
  for (;;) {
    if (member.isLeader) return yield* answerAsLeader(server, call)
    const { leader } = server
    let text = NO_LEADER
    if (leader !== null) {
      const reply = yield* server.pool.call(leader.address, call)
      if (reply.kind !== 'error' || !mayRetry(call, reply.text)) return reply
      text = reply.text
    }
    since ??= program.now
    if (program.now - since >= settings.rpcHoldTimeout) return { kind: 'error', text }
    yield* sleep(holdPause(settings, program.random))
  }
}

/** Each server says what it sees itself. */
function statusOf({ leader, environment }: ConsulServer, { what }: StatusCall): ConsulReply {
  if (what === 'peers') {
    const addresses = environment.servers.map(({ address }) => addressText(address))
    return { kind: 'peers', addresses }
  }
  return { kind: 'leader', address: leader === null ? '' : addressText(leader.address) }
}

function addressText(address: number): string {
  return `${formatIpv4(address)}:${SERVER_PORT}`
}

function* answerAsLeader(server: ConsulServer, call: LeaderCall): Process<ConsulReply> {
  switch (call.kind) {
    case 'apply':
      return resultReply(yield* applyCommand(server, call.command))
    case 'read':
      return yield* answerRead(server, call)
    case 'renew': {
      const sessions = server.service.renew(call.session)
      server.leading.touch()
      return { kind: 'renewed', sessions }
    }
  }
}

function* applyCommand({ service, proposals }: ConsulServer, command: Command): Process<Result> {
  const admitted = service.admit(command)
  if ('result' in admitted) return admitted.result
  return yield* proposals.propose(admitted.propose)
}

/** Errors of the state machine are errors of the call as any other. */
function resultReply(result: Result): ConsulReply {
  return result.kind === 'error' ? result : { kind: 'result', result }
}

/** Reads this server's own tables, again and again while the call blocks. */
function* answerRead(server: ConsulServer, call: ReadCall): Process<ConsulReply> {
  const { program, service } = server
  const blocks = call.index > 0 && call.query.read !== 'txn'
  const end = blocks ? program.now + blockingWait(call.wait, program.random) : 0
  for (;;) {
    const contact = contactOf(server)
    const fault = call.consistency === 'consistent' ? yield* verifyLeader(server) : null
    if (fault !== null) return { kind: 'error', text: fault }
    const answer = service.read(call.query)
    const isNews = answer.index > call.index
    if (!blocks || isNews || !(yield* waitForChange(server, call.query, end - program.now))) {
      return { kind: 'answer', answer, ...contact }
    }
  }
}

/** A round of heartbeats says that nobody else leads (VerifyLeader). @returns an error's text, or null. */
function* verifyLeader({ member, environment }: ConsulServer): Process<string | null> {
  const { rpcHoldTimeout, raftMultiplier } = environment.settings
  // Without a quorum the lease ends the leadership, and the wait with it.
  const lease = consulTiming(raftMultiplier).lease
  const outcome = yield* member.linearize(rpcHoldTimeout + lease)
  if (outcome.kind === 'lost' || !member.isLeader) return LEADERSHIP_LOST
  return outcome.kind === 'timeout' ? NOT_READY : null
}

/** Waits until the answer may be another one. @returns false when the time is over, or the tables were replaced. */
function* waitForChange(
  { program, service }: ConsulServer,
  query: Query,
  time: number,
): Process<boolean> {
  if (time <= 0) return false
  const woken = new Deferred<'changed' | 'abandoned'>(program)
  const cancel = service.waitFor(query, (why) => woken.settle(why))
  try {
    return (yield* woken.wait(time)) === 'changed'
  } finally {
    cancel()
  }
}

function contactOf({ member, lastContact, leader, program }: ConsulServer) {
  if (member.isLeader) return { knownLeader: true, lastContact: 0 }
  return { knownLeader: leader !== null, lastContact: program.now - (lastContact ?? 0) }
}
