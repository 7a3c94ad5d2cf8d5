/** Where the differential test sends its requests: a real member, or ours. */
import { V3Service } from '../../src/control/etcd/v3/service.ts'
import type { HttpStream, RealEtcd } from './etcd.ts'

export interface Answer {
  readonly status: number
  readonly body: string
}

/** One member by its HTTP interface. */
export interface Member {
  post(path: string, body: string): Promise<Answer>
  watch(body: string): Promise<HttpStream>
}

/** Of what is asked over HTTP. */
export function memberOf(etcd: Pick<RealEtcd, 'call' | 'stream'>): Member {
  return {
    post: (path, body) => etcd.call({ path, body }),
    watch: (body) => etcd.stream({ path: '/v3/watch', body }),
  }
}

/** Our service as a single member that leads from the start: what it proposes is committed at once. */
export class LoneMember implements Member {
  readonly service: V3Service
  private index = 4
  private leaseIds = 0

  constructor(quotaBytes?: number) {
    this.service = new V3Service({
      clusterId: '2',
      memberId: '1',
      raft: () => ({
        ...{ term: 2, leader: '1' },
        ...{ committedIndex: this.index, appliedIndex: this.index },
      }),
      minLeaseTtlSeconds: 2,
      nextLeaseId: () => `${7_587_000_000_000_000_000n + BigInt(this.leaseIds++)}`,
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
    })
    this.service.lessor.promote(0, 0)
  }

  post(path: string, body: string): Promise<Answer> {
    return Promise.resolve(this.answer(path, body))
  }

  answer(path: string, body: string): Answer {
    const { service } = this
    const plan = service.plan('POST', path, body)
    switch (plan.kind) {
      case 'answer':
        return plan.answer
      case 'read':
        return plan.answer()
      case 'proposal':
        this.index++
        return plan.answer(service.apply(plan.command, 0))
      case 'leader':
        return plan.answer(
          plan.requests.map((request) => {
            const result = service.atLeader(request, 0)
            if (result === 'expiring') throw new Error('no lease expires in this test')
            return result
          }),
        )
      case 'watch':
        throw new Error('a watch has no single answer')
    }
  }

  watch(body: string): Promise<HttpStream> {
    const { service } = this
    const plan = service.plan('POST', '/v3/watch', body)
    if (plan.kind !== 'watch') throw new Error(`a watch is taken for ${plan.kind}`)
    const lines: string[] = []
    const stream = service.watch(plan.requests, (line) => lines.push(line.trimEnd()) > 0)
    return Promise.resolve({
      lines,
      wait: (until) => {
        while (service.unsyncedWatchers > 0) service.syncWatchers()
        if (until(lines)) return Promise.resolve()
        return Promise.reject(new Error(`nothing more comes after:\n${lines.join('\n')}`))
      },
      stop: () => stream.close(),
    })
  }
}
