import { describe, expect, it } from 'vitest'
import { type RandomStream, RandomStreams } from '../../../../sim/random.ts'
import { parseSelector } from './parser.ts'
import { prefixed } from './selector.ts'
import { SelectorError } from './token.ts'

const LABELS = ['a', 'app', 'x.y/z', 'in', 'not-in', 'has', 'all', 'contains']
const VALUES = ['', 'a', 'ab', 'bc', "it's", 'x"y', 'in {']

type Condition = (labels: ReadonlyMap<string, string>) => boolean

interface Expression {
  readonly text: string
  readonly holds: Condition
}

/** Builds text and meaning side by side, with no common part with the parser. */
class Generator {
  private readonly random: RandomStream

  constructor(random: RandomStream) {
    this.random = random
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.integer(0, list.length - 1)]!
  }

  private blank(): string {
    return this.pick(['', ' ', '  '])
  }

  private string(value: string): string {
    return value.includes('"') ? `'${value}'` : value.includes("'") ? `"${value}"` : `'${value}'`
  }

  expression(depth: number): Expression {
    const kind = depth === 0 ? 0 : this.random.integer(0, 4)
    if (kind === 0) return this.simple()
    const left = this.expression(depth - 1)
    if (kind === 1) {
      return { text: `!${this.blank()}(${left.text})`, holds: (labels) => !left.holds(labels) }
    }
    const right = this.expression(depth - 1)
    const [l, r] = [`(${left.text})`, `(${right.text})`]
    if (kind === 2) {
      return {
        text: `${l}${this.blank()}&&${this.blank()}${r}`,
        holds: (labels) => left.holds(labels) && right.holds(labels),
      }
    }
    if (kind === 3) {
      return {
        text: `${l}${this.blank()}||${this.blank()}${r}`,
        holds: (labels) => left.holds(labels) || right.holds(labels),
      }
    }
    // Without brackets "and" binds closer, whatever stands beside it.
    const third = this.simple()
    return {
      text: `${third.text} || ${l} && ${r}`,
      holds: (labels) => third.holds(labels) || (left.holds(labels) && right.holds(labels)),
    }
  }

  private simple(): Expression {
    const label = this.pick(LABELS)
    const value = this.pick(VALUES)
    const others = [this.pick(VALUES), this.pick(VALUES)]
    const set = `{${others.map((one) => this.string(one)).join(`${this.blank()},`)}}`
    const text = this.string(value)
    const cases: readonly [string, Condition][] = [
      ['all()', () => true],
      [`has(${this.blank()}${label})`, (labels) => labels.has(label)],
      [`${label} == ${text}`, (labels) => labels.get(label) === value],
      [`${label}${this.blank()}!=${text}`, (labels) => labels.get(label) !== value],
      [`${label} in ${set}`, (labels) => labels.has(label) && others.includes(labels.get(label)!)],
      [
        `${label} not  in ${set}`,
        (labels) => !labels.has(label) || !others.includes(labels.get(label)!),
      ],
      [`${label} contains ${text}`, (labels) => labels.get(label)?.includes(value) ?? false],
      [`${label} starts with ${text}`, (labels) => labels.get(label)?.startsWith(value) ?? false],
      [`${label} ends with ${text}`, (labels) => labels.get(label)?.endsWith(value) ?? false],
    ]
    const [words, holds] = this.pick(cases)
    return { text: words, holds }
  }

  labels(): Map<string, string> {
    const labels = new Map<string, string>()
    for (const label of LABELS) {
      if (this.random.integer(0, 1) === 0) labels.set(label, this.pick(VALUES))
    }
    return labels
  }
}

describe('selectors', () => {
  it('mean what a naive evaluator of 2000 random expressions says, also when printed again', () => {
    const generator = new Generator(new RandomStreams('1').stream('selectors'))
    let held = 0
    for (let i = 0; i < 2000; i++) {
      const { text, holds } = generator.expression(i % 4)
      const selector = parseSelector(text)
      const again = parseSelector(selector.text)
      expect(again.text).toBe(selector.text)
      for (let k = 0; k < 5; k++) {
        const labels = generator.labels()
        const expected = holds(labels)
        if (expected) held++
        expect([text, selector.matches(labels)]).toEqual([text, expected])
        expect(again.matches(labels)).toBe(expected)
      }
    }
    // Neither side is the rule: the comparison above has something to compare.
    expect(held).toBeGreaterThan(2500)
    expect(held).toBeLessThan(7500)
  })

  it.each([
    ['', 'all()'],
    ["a == 'b'", 'a == "b"'],
    ["a=='x' || b!='y' && has(c)", '(a == "x" || (b != "y" && has(c)))'],
    ["!has(x) && r in {'b','a'}", '(!has(x) && r in {"a", "b"})'],
    ['a startswith "x"', 'a starts with "x"'],
    ['in in {"in"}', 'in in {"in"}'],
    ['global()', 'global()'],
  ])('%s reads as %s', (text, canonical) => {
    expect(parseSelector(text).text).toBe(canonical)
  })

  it.each([
    ["a = 'b'", 2, 'expected an operator'],
    ["a == 'b", 5, 'a string without its closing quote'],
    ["a == 'b' &&", 11, 'expected a label or a condition, found the end'],
    ["(a == 'b'", 9, 'expected ), found the end'],
    ['has(a', 5, 'expected ), found the end'],
    ['a == b', 5, 'expected a string, found "b"'],
    ["a in {'x' 'y'}", 10, 'expected }, found "y"'],
    ["a == 'b' c", 9, 'expected the end, found "c"'],
    ['a', 1, 'expected an operator, found the end'],
    ['?', 0, 'unexpected "?"'],
    [`${'x'.repeat(513)} == 'a'`, 0, 'a label of more than 512 characters'],
    [`${'('.repeat(200)}all()`, 101, 'too many brackets in each other'],
  ])('%s is wrong at %i', (text, at, message) => {
    let error: unknown = null
    try {
      parseSelector(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SelectorError)
    expect(error).toMatchObject({ at, message })
  })

  it('can be asked of the labels of a namespace', () => {
    const selector = prefixed(parseSelector("team == 'ops' && !has(old)"), 'pcns.')
    expect(selector.text).toBe('(pcns.team == "ops" && !has(pcns.old))')
  })
})
