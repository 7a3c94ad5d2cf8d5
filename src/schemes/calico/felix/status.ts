import type { Program } from '../../../control/program/program.ts'
import { rfc3339 } from '../../../control/program/wall-clock.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Datastore } from '../datastore/client.ts'
import type { Felix } from './felix.ts'

/** Says that Felix is alive: a key that ends when it is not renewed, and one that stays (statusrep). */
export function* reportStatus(
  program: Program,
  datastore: Datastore,
  felix: Felix,
  options: { readonly node: string; readonly interval: number; readonly ttl: number },
): Process {
  const { node, interval, ttl } = options
  const start = program.now
  while (interval > 0) {
    const status = {
      time: rfc3339(program.wallClock),
      uptime: (program.now - start) / SECOND,
      firstUpdate: felix.applied > 0,
    }
    const error =
      (yield* datastore.apply('FelixStatus', node, status, Math.ceil(ttl / SECOND))) ??
      (yield* datastore.apply('LastFelixStatus', node, status))
    if (error !== null) program.log.push(`Failed to write status to datastore: ${error.text}`)
    yield* sleep(interval)
  }
}
