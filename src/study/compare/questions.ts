import type { Question } from './question.ts'
import { failures } from './questions/failures.ts'
import { racks } from './questions/failures-racks.ts'
import { footprint } from './questions/footprint.ts'
import { networks } from './questions/networks.ts'
import { speed } from './questions/performance.ts'
import { sameSubnet } from './questions/same-subnet.ts'
import { storeCost, storeOutage } from './questions/store.ts'

/** All that is asked, in the order of the report's sections. */
export const QUESTIONS: readonly Question[] = [
  networks,
  sameSubnet,
  storeCost,
  storeOutage,
  speed,
  footprint,
  failures,
  racks,
]
