import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { widthOf } from './lines.ts'
import { comparisonTable } from './table.ts'

const METRICS = [
  { name: 'Class', values: ['encapsulated L3', 'native L3', 'native L2', 'encapsulated L2'] },
  { name: 'Inner MTU', values: ['1,450', '1,500', '1,500', '1,400'] },
  { name: 'Goodput', values: ['9.23 Gb/s', '9.55 Gb/s', '-', '9.1 Gb/s'] },
]
const SUBJECTS = ['tunnel/vxlan', 'tunnel/host-gw', 'child', 'overlay-of-engine/swarm-encrypted']

function table(subjects: readonly string[], columns: number, color = false): string {
  return comparisonTable('Scheme', subjects, METRICS, { color, columns }).join('\n')
}

describe('comparisonTable', () => {
  it('has a line a subject where that fits', () => {
    expect(table(SUBJECTS.slice(0, 2), 80)).toMatchInlineSnapshot(`
      "Scheme                    Class  Inner MTU    Goodput
      tunnel/vxlan    encapsulated L3      1,450  9.23 Gb/s
      tunnel/host-gw        native L3      1,500  9.55 Gb/s"
    `)
  })

  it('has a column a subject where it does not, and wraps what is too wide', () => {
    expect(table(SUBJECTS, 60)).toMatchInlineSnapshot(`
      "Scheme         tunnel/    tunnel/      child  overlay-of-
                       vxlan    host-gw                 engine/
                                                         swarm-
                                                      encrypted
      Class      encapsulate  native L3  native L2  encapsulate
                        d L3                               d L2
      Inner MTU        1,450      1,500      1,500        1,400
      Goodput      9.23 Gb/s  9.55 Gb/s          -     9.1 Gb/s"
    `)
  })

  it('goes on in a second table where columns would be too narrow', () => {
    expect(table(SUBJECTS, 38)).toMatchInlineSnapshot(`
      "Scheme     tunnel/vxlan  tunnel/host-
                                         gw
      Class      encapsulated     native L3
                           L3
      Inner MTU         1,450         1,500
      Goodput       9.23 Gb/s     9.55 Gb/s

      Scheme         child      overlay-of-
                              engine/swarm-
                                  encrypted
      Class      native L2  encapsulated L2
      Inner MTU      1,500            1,400
      Goodput            -         9.1 Gb/s"
    `)
  })

  it('fits every width, with all values, coloured or not', () => {
    for (let columns = 30; columns <= 120; columns++) {
      for (let count = 1; count <= SUBJECTS.length; count++) {
        const plain = table(SUBJECTS.slice(0, count), columns)
        const colored = table(SUBJECTS.slice(0, count), columns, true)
        expect(stripVTControlCharacters(colored).replace(/ +$/gm, '')).toBe(plain)
        for (const line of plain.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns)
        const dense = plain.replace(/\s/g, '')
        expect(dense).toContain('1,450')
        if (count > 1) expect(dense).toContain('9.55Gb/s')
      }
    }
  })
})
