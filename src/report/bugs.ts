import type { RunResult } from '../study/result.ts'

/** What must not come out, whatever was simulated: one line a run in which encap contradicts itself. */
export function bugsOf(runs: readonly RunResult[]): readonly string[] {
  return runs.flatMap((run) => {
    const found = [
      ...(run.ledger.balanced ? [] : ['frames are not accounted for']),
      ...(run.machines.every(({ balanced }) => balanced) ? [] : ['CPU time is not accounted for']),
      ...storeBugs(run),
    ]
    if (found.length === 0) return []
    const name = [run.scenario, run.panel, run.variant].filter((part) => part !== null).join(', ')
    return [`This is a bug of encap (${name}, seed ${run.seed}): ${found.join('; ')}.`]
  })
}

function storeBugs({ store }: RunResult): readonly string[] {
  const [first] = store?.violations ?? []
  return first === undefined || store!.excused ? [] : [`the store broke Raft's promises: ${first}`]
}
