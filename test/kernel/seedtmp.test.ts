import { it } from 'vitest'
import { baseline, macvlan } from '/work/main/test/lab/schemes.ts'
import { runScheme } from '/work/main/test/kernel/golden-run.ts'
it('x', () => {
  const found: string[] = []
  for (let seed = 1; seed < 400; seed++) {
    let max = 0
    const m: number[] = []
    for (const [s, b] of [['baseline', baseline], ['macvlan', macvlan]] as const) {
      const { parts } = runScheme(s, (lab) => b(lab), ['ping', 'udp100', 'udp4000', 'df1472', 'arpnx'], String(seed))
      for (const p of parts) { if (p.kernel.length !== p.ours.length) max = 1e9; p.kernel.forEach((f, i) => { const o = p.ours[i]; if (o) max = Math.max(max, Math.abs(f.time - o.time)) }) }
      m.push(max)
    }
    if (max < 0.02) found.push(`${seed}: ${m.join(' ')}`)
  }
  console.log(found.join('\n'))
}, 600000)
