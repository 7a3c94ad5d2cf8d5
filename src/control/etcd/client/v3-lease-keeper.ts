import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { Deferred } from '../../program/deferred.ts'
import type { Fibre } from '../../program/program.ts'
import { type Json, leaseResult, V3Error, type V3LeaseResult } from './v3-messages.ts'
import type { V3Transport } from './v3-transport.ts'

/** Of clientv3 (lease.go). */
const FIRST_TIMEOUT = 5 * SECOND
const RETRY_WAIT = 500 * MILLISECOND
/** How often it looks whether a lease is due. */
const TICK = 500 * MILLISECOND

export type LeaseEnd = 'lost' | 'stopped'

/** Renews a lease each third of its TTL. Whoever needs the lease waits for its end. */
export class LeaseKeeper {
  /** 'lost': it has expired, or no answer came for its whole TTL and it may have. */
  readonly ended: Deferred<LeaseEnd>
  private readonly transport: V3Transport
  private readonly id: string
  private readonly fibre: Fibre<void>
  private deadline: number

  constructor(transport: V3Transport, id: string) {
    const { program } = transport
    this.transport = transport
    this.id = id
    this.ended = new Deferred(program)
    this.deadline = program.now + FIRST_TIMEOUT
    this.fibre = program.spawn(this.run())
  }

  stop(): void {
    this.fibre.cancel()
    this.ended.settle('stopped')
  }

  private *run(): Process {
    const { program } = this.transport
    for (;;) {
      const time = this.deadline - program.now
      if (time <= 0) break
      const lease = yield* this.renew(time)
      if (lease instanceof V3Error) {
        yield* sleep(Math.min(RETRY_WAIT, Math.max(this.deadline - program.now, 0)))
        continue
      }
      if (lease.ttl <= 0) break
      this.deadline = program.now + lease.ttl * SECOND
      yield* sleep(Math.ceil((lease.ttl * SECOND) / 3 / TICK) * TICK)
    }
    this.ended.settle('lost')
  }

  private *renew(timeout: number): Process<V3LeaseResult | V3Error> {
    const path = '/v3/lease/keepalive'
    const answer = yield* this.transport.call(path, { ID: this.id }, 'once', timeout)
    if (answer instanceof V3Error) return answer
    const result = answer['result'] as Json | undefined
    return result === undefined ? streamError(answer) : leaseResult(result)
  }
}

/** The error in a line of a stream. */
export function streamError(line: Json): V3Error {
  const error = line['error'] as Json | undefined
  const code = Number(error?.['grpc_code'] ?? 0)
  return new V3Error(code, String(error?.['message'] ?? 'unexpected answer'), true)
}
