import type { TcpRequestResponseResult } from './tcp-results.ts'
import { type TcpTransactionOptions, TcpTransactions } from './tcp-transactions.ts'
import { distributionOf } from './workload.ts'

/** Requests of which each waits for the reply to the one before, on connections that stay (netperf TCP_RR). */
export class TcpRequestResponse extends TcpTransactions {
  constructor(options: TcpTransactionOptions) {
    super(options, false)
  }

  result(now: number): TcpRequestResponseResult {
    return {
      kind: 'tcp-rr',
      ...this.totals(now),
      rtt: distributionOf(this.times),
      retransmits: this.clients.reduce((total, { retransmits }) => total + retransmits, 0),
    }
  }
}
