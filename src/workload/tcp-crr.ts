import type { TcpConnectResult } from './tcp-results.ts'
import { type TcpTransactionOptions, TcpTransactions } from './tcp-transactions.ts'
import { distributionOf } from './workload.ts'

/** A connection for each request and its reply, one after the other (netperf TCP_CRR). */
export class TcpConnectRequestResponse extends TcpTransactions {
  constructor(options: TcpTransactionOptions) {
    super(options, true)
  }

  result(now: number): TcpConnectResult {
    return { kind: 'tcp-crr', ...this.totals(now), rtt: distributionOf(this.times) }
  }
}
