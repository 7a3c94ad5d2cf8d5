import { describe, expect, it } from 'vitest'
import { formatIssues, type Issue } from './issues.ts'
import { SourceText } from './place.ts'

const FAULT = { code: 'wrong_value', message: 'is wrong', remedy: 'right it', path: 'a.b' } as const

function issueIn(text: string, wrong: string): Issue {
  const start = text.indexOf(wrong)
  return new SourceText('x.yaml', text).issueAt(start, start + wrong.length, FAULT)
}

describe('formatIssues', () => {
  it('shows place, frame, mark and remedy', () => {
    expect(formatIssues([issueIn('a:\n  c: 1\n  b: 10Gbs # x\n', '10Gbs')])).toBe(
      `x.yaml:3:6: error: is wrong (at a.b)
  1 | a:
  2 |   c: 1
  3 |   b: 10Gbs # x
    |      ^^^^^
  remedy: right it
`,
    )
  })

  it('names the variants and counts what it leaves out', () => {
    const issue = { ...issueIn('a: b', 'b'), variants: ['x', 'y'] }
    expect(formatIssues([issue])).toContain('(at a.b) [variant x, y]')
    expect(formatIssues(Array.from({ length: 53 }, () => issue))).toMatch(/and 3 more faults\n$/)
  })

  it('marks up to the end of the line only', () => {
    const marks = (text: string, wrong: string) =>
      formatIssues([issueIn(text, wrong)]).match(/\^+/)![0].length
    expect(marks('a: [1,\n  2]', '[1,\n  2]')).toBe(3)
    expect(marks('a:', '')).toBe(1)
  })

  it('cuts a long line around the fault', () => {
    const text = `a: "${'x'.repeat(5000)}WRONG${'y'.repeat(5000)}"`
    const [, line, mark] = formatIssues([issueIn(text, 'WRONG')]).split('\n')
    expect(line!.length).toBeLessThan(200)
    expect(line!.indexOf('WRONG')).toBe(mark!.indexOf('^^^^^'))
  })

  it('lets no control character through to the terminal', () => {
    const text = formatIssues([issueIn('a: \u001b[2Jb\r\n', 'b')])
    expect(text).not.toContain('\u001b')
    expect(text).not.toContain('\r')
  })

  it('colours when asked to', () => {
    const issue = issueIn('a: b', 'b')
    expect(formatIssues([issue], { color: true })).toContain('\u001b[')
    expect(formatIssues([issue])).not.toContain('\u001b[')
  })
})
