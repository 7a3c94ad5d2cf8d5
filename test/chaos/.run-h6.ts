import { loadScenario } from '/work/main/src/scenario/load.ts'
import { formatIssues } from '/work/main/src/scenario/issues.ts'
import { builtinSchemes } from '/work/main/src/schemes/registry.ts'
import { runResultSchema } from '/work/main/src/study/result.ts'
import { Run } from '/work/main/src/study/run.ts'
import { randomScenario } from '/work/main/test/chaos/random-scenario.ts'
import { parse, stringify } from 'yaml'
const [,, from, to, tcp] = process.argv
const errors = new Map<string, string[]>()
let n = 0, delivering = 0
const t0 = performance.now()
for (let i = Number(from); i < Number(to); i++) {
  const seed = `chaos-${i}`
  let text = randomScenario(seed)
  if (tcp !== 'tcp') { const d = parse(text); d.workload = d.workload.filter((w: any) => !w.kind.startsWith('tcp')); text = stringify(d) }
  const start = performance.now()
  try {
    const loaded = loadScenario(text, 'c.yaml', builtinSchemes)
    if (!loaded.ok) throw new Error('LOAD ' + formatIssues(loaded.issues).split('\n')[0])
    const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: true })
    while (!run.advance(100000)) if (run.events > 20e6) throw new Error('no end')
    const result = run.result()
    const im = run.world.ledger.imbalance()
    if (!result.ledger.balanced || im !== 0) throw new Error('imbalance ')
    runResultSchema.parse(result)
    run.capture!.bytes()
    for (const h of run.world.hosts.values()) { const m = h.kernel.machine; if (m && m.unaccounted) throw new Error('unaccounted') 
      if (m) for (const c of m.cores) { const sum = c.account.reduce((a, b) => a + b, 0); if (Math.abs(sum - c.busy) > 0.5) throw new Error('account'); if (c.busy > run.now) throw new Error('busy > now') } }
    if (result.workloads.some((w: any) => (w.delivered ?? w.bytes ?? 0) > 0)) delivering++
  } catch (e) {
    const key = String((e as Error).stack).split('\n').slice(0, 4).join(' | ').replaceAll('/work/main/', '').slice(0, 400)
    errors.set(key, [...(errors.get(key) ?? []), seed])
  }
  n++
  const took = performance.now() - start
  if (took > 3000) console.log('slow', seed, took)
}
console.log(n, 'runs', delivering, 'delivering', ((performance.now() - t0) / 1000).toFixed(1), 's')
for (const [k, v] of errors) console.log(v.length, v.slice(0, 4).join(' '), k)
