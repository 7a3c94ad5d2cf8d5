import { addTap } from '../../measure/tap.ts'
import { type Frame, IPV4_HEADER_BYTES, PROTOCOL_TCP } from '../../wire/frame.ts'
import { TcpHeader } from '../../wire/tcp.ts'
import { cableOf } from '../cables.ts'
import type { Trial } from './trial.ts'

/** What the daemons and their store have said to each other, in content of TCP. */
export interface StoreTalk {
  readonly bytesTo: number
  readonly bytesFrom: number
  /** Entries of its log that the furthest member has applied: writes, and reads that need a quorum. */
  readonly entries: number
  readonly keys: number
}

/** Listens at the cables of a store's members from now on. */
export class StoreWatch {
  private readonly trial: Trial
  private bytesTo = 0
  private bytesFrom = 0

  /** To be made when the world has been built; without a store there is nothing to hear. */
  constructor(trial: Trial) {
    this.trial = trial
    const members = trial.world.store?.members ?? []
    const own = new Set(members.map(({ host }) => host.address))
    for (const { host } of members) {
      addTap(cableOf(host), {
        frame: (_time, frame, direction) => {
          if (direction === 'in' && own.has(frame.ipSrc)) return
          if (direction === 'out' && own.has(frame.ipDst)) return
          const content = contentOf(frame)
          if (direction === 'in') this.bytesTo += content
          else this.bytesFrom += content
        },
      })
    }
  }

  /** Up to now. */
  read(): StoreTalk {
    const members = this.trial.world.store?.members ?? []
    return {
      bytesTo: this.bytesTo,
      bytesFrom: this.bytesFrom,
      entries: Math.max(0, ...members.map((member) => member.status()?.applied ?? 0)),
      keys: Math.max(0, ...members.map((member) => member.keys().length)),
    }
  }
}

function contentOf({ protocol, header, l3Length, isFragment }: Frame): number {
  if (protocol !== PROTOCOL_TCP || isFragment || !(header instanceof TcpHeader)) return 0
  return l3Length - IPV4_HEADER_BYTES - header.bytes
}
