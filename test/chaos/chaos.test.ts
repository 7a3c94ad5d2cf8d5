/**
 * Random topologies under random schemes, traffic and faults: whatever happens, nothing throws, every
 * frame is accounted for, and the same seed gives the same bytes.
 *
 * ENCAP_DEEP=1 runs a set of 10,000 seeds, `npm test` a twentieth of it: which one, `base` in
 * test/seeds.json says. Count it up with a commit that changes the model, so that twenty such commits go
 * through a whole set and the next twenty through a new one, and every run of one commit is the same.
 * ENCAP_CHAOS_SEED=chaos-123 runs one seed and prints its file.
 */
import { describe, expect, it } from 'vitest'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { type RunResult, runResultSchema } from '../../src/study/result.ts'
import { Run } from '../../src/study/run.ts'
import { seeds } from '../seeds.ts'
import { CHAOTIC_SCHEMES } from './random-networks.ts'
import { randomScenario } from './random-scenario.ts'

const SET = 10_000
const BATCH = 50
/** Of so many runs one is done twice. */
const REPEAT_EVERY = 10
/** The busiest of a set need a million; a storm of broadcasts would never end. */
const EVENTS_MAX = 20_000_000
const SLICE = 100_000

interface Outcome {
  readonly result: RunResult
  readonly json: string
  readonly pcapng: Uint8Array
}

function run(text: string): Outcome {
  const loaded = loadScenario(text, 'chaos.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(`the loader refuses it:\n${formatIssues(loaded.issues)}`)
  const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: true })
  while (!run.advance(SLICE)) {
    if (run.events > EVENTS_MAX) throw new Error(`no end after ${run.events} events`)
  }
  const result = run.result()
  const imbalance = run.world.ledger.imbalance()
  if (!result.ledger.balanced || imbalance !== 0) {
    throw new Error(`the books do not balance, by ${imbalance} in the end`)
  }
  runResultSchema.parse(result)
  return { result, json: JSON.stringify(result), pcapng: run.capture!.bytes() }
}

/** Whether anything was delivered; throws with the seed and its file when something is wrong. */
function trial(seed: string, isRepeated: boolean): boolean {
  const text = randomScenario(seed)
  if (process.env['ENCAP_CHAOS_SEED'] !== undefined) console.log(text)
  try {
    const first = run(text)
    if (isRepeated) {
      const second = run(text)
      if (first.json !== second.json) throw new Error('two runs gave different results')
      if (Buffer.compare(first.pcapng, second.pcapng) !== 0) {
        throw new Error('two runs gave different captures')
      }
    }
    return first.result.workloads.some(({ delivered }) => (delivered ?? 0) > 0)
  } catch (error) {
    const repeat = `ENCAP_CHAOS_SEED=${seed} npx vitest run test/chaos`
    throw new Error(`${seed}: ${String(error)}\n${repeat}\n\n${text}`, { cause: error })
  }
}

describe('chaos', () => {
  const all = seeds('chaos', SET, 'ENCAP_CHAOS_SEED')
  const batches = Array.from({ length: Math.ceil(all.length / BATCH) }, (_, i) =>
    all.slice(i * BATCH, (i + 1) * BATCH),
  )
  let delivering = 0

  it.each(batches.map((batch) => [batch[0]!, batch.at(-1)!, batch] as const))(
    '%s to %s',
    (_first, _last, batch) => {
      batch.forEach((seed, i) => {
        if (trial(seed, i % REPEAT_EVERY === 0)) delivering++
      })
    },
    120_000,
  )

  it.skipIf(process.env['ENCAP_CHAOS_SEED'] !== undefined)(
    'leaves many runs some traffic that arrives',
    () => {
      // In the shortest runs daemons that must find each other first have no address to give yet.
      expect(delivering).toBeGreaterThan(all.length / 3)
    },
  )

  it('draws every scheme of the registry that goes without a store', () => {
    // test/schemes/docker-ipam.test.ts and calico-ipam.test.ts draw what befalls these.
    const withStore = ['docker-overlay', 'calico']
    expect([...CHAOTIC_SCHEMES, ...withStore].sort()).toEqual([...builtinSchemes.names()].sort())
  })
})
