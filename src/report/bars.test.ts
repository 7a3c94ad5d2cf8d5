import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { type BarRow, barTable } from './bars.ts'
import { widthOf } from './lines.ts'

const SUBJECTS = ['native', 'routed/host-gateway', 'tunnel', 'fourth']
const ROWS: readonly BarRow[] = [
  { name: 'copies', values: [100, 100, 200, null] },
  { name: 'tunnel', values: [0, 0, 50, null] },
]

function bars(count: number, columns: number, color = false): string[] {
  const rows = ROWS.map(({ name, values }) => ({ name, values: values.slice(0, count) }))
  return barTable(SUBJECTS.slice(0, count), rows, String, { color, columns })
}

describe('barTable', () => {
  it('has one scale for all bars, and none where nothing was measured', () => {
    expect(bars(4, 80)).toMatchInlineSnapshot(`
      [
        "        native            routed/host-      tunnel            fourth",
        "                          gateway",
        "copies  100 ██████        100 ██████        200 ████████████    -",
        "tunnel    0                 0                50 ███             -",
      ]
    `)
  })

  it('puts below what does not fit', () => {
    expect(bars(3, 36)).toMatchInlineSnapshot(`
      [
        "        native         routed/host-",
        "                       gateway",
        "copies  100 █████      100 █████",
        "tunnel    0              0",
        "",
        "        tunnel",
        "copies  200 █████████",
        "tunnel   50 ██",
      ]
    `)
  })

  it('fits every width from 30 on, coloured or not', () => {
    for (let columns = 30; columns <= 120; columns++) {
      for (let count = 1; count <= 4; count++) {
        const plain = bars(count, columns)
        for (const line of plain) expect(widthOf(line)).toBeLessThanOrEqual(columns)
        const colored = bars(count, columns, true).join('\n')
        expect(stripVTControlCharacters(colored).replace(/ +$/gm, '')).toBe(plain.join('\n'))
        expect(plain.join('\n')).toMatch(/^copies .*100 █+/m)
      }
    }
  })
})
