/**
 * House rules that a machine can check: nothing in src may make a run differ between two machines,
 * shared code names no scheme, files stay short, no text names a path of somebody's machine.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LINES_MAX = 500

/** Files over the limit, with their lines. The list may only shrink: split the file instead. */
const LONG_FILES: Record<string, number> = {}

/** Folders whose results must be the same to the last bit on every engine. */
const MODEL = /^src\/(sim|wire|measure|link|cpu|stack|host|fabric|control|workload|schemes)\//

/** What ECMAScript lets an engine approximate. Use integers, tables, Math.sqrt, Math.clz32. */
const INEXACT_MATH = new Set(
  (
    'acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot ' +
    'log log10 log1p log2 pow sin sinh tan tanh'
  ).split(' '),
)
const BANNED_MEMBERS = new Set(['Date.now', 'performance.now', 'process.hrtime', 'Math.random'])
const BANNED_GLOBALS = new Set(['setTimeout', 'setInterval', 'Intl'])
const GLOBAL_OBJECTS = new Set(['globalThis', 'window', 'global'])
/** Objects that must stand directly before a property, or a ban could be walked around. */
const WATCHED_OBJECTS = new Set(['Math', 'performance'])

const SCHEME_NAMES = /flannel|calico|weave|docker/gi
const SCHEME_NAMES_ALLOWED = /^src\/(schemes|cli|report)\//
const UNFINISHED = /\b(TODO|FIXME)\b/g
const MACHINE_PATH = new RegExp(`(?<![\\w.-])/(${['work', 'tmp', 'home', 'root'].join('|')})/`, 'g')

type Node = Record<string, unknown>

/** Complaints about one file, as `path:line: what`. */
function complaintsOf(path: string, text: string): string[] {
  const found: string[] = []
  const complain = (at: number, what: string) => {
    found.push(`${path}:${text.slice(0, at).split('\n').length}: ${what}`)
  }
  const inSource = path.startsWith('src/')
  const isTest = path.endsWith('.test.ts')
  const search = (pattern: RegExp, why: string) => {
    for (const match of text.matchAll(pattern)) complain(match.index, `${match[0]} ${why}`)
  }
  search(MACHINE_PATH, 'is a path of one machine')
  if (!inSource) return found
  search(UNFINISHED, 'belongs in an issue')
  if (isTest) return found
  if (!SCHEME_NAMES_ALLOWED.test(path)) {
    search(SCHEME_NAMES, 'names a scheme in shared code')
    for (const match of path.matchAll(SCHEME_NAMES)) complain(0, `${match[0]} in a file's name`)
  }
  if (path.startsWith('src/cli/')) return found
  try {
    const ast = parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' })
    walk(ast as unknown as Node, undefined, (node, parent) => {
      const what = impurityOf(node, parent, MODEL.test(path))
      if (what !== undefined) complain(node['start'] as number, what)
    })
  } catch {
    found.push(`${path}: does not parse`)
  }
  return found
}

function walk(
  node: Node,
  parent: Node | undefined,
  see: (node: Node, parent: Node | undefined) => void,
): void {
  if (typeof node['type'] === 'string') see(node, parent)
  for (const child of Object.values(node)) {
    for (const each of Array.isArray(child) ? child : [child]) {
      if (typeof each === 'object' && each !== null) walk(each as Node, node, see)
    }
  }
}

function impurityOf(node: Node, parent: Node | undefined, isModel: boolean): string | undefined {
  switch (node['type']) {
    case 'MemberExpression':
      return impurityOfMember(node, isModel)
    case 'NewExpression':
    case 'CallExpression':
      return readsClock(node) ? 'Date reads the wall clock' : undefined
    case 'Identifier':
      return impurityOfName(node, parent)
    case 'BinaryExpression':
    case 'AssignmentExpression':
      return isModel && isInexactPower(node) ? '** differs between engines' : undefined
    default:
      return undefined
  }
}

/** A date that is made of a number shows a calendar and no clock. */
function readsClock(node: Node): boolean {
  if (globalNameOf(node['callee']) !== 'Date') return false
  return node['type'] === 'CallExpression' || (node['arguments'] as unknown[]).length !== 1
}

function impurityOfMember(node: Node, isModel: boolean): string | undefined {
  const property = propertyOf(node)
  if (property === undefined) return undefined
  if (/^get(Date|Day|FullYear|Hours|Minutes|Month|TimezoneOffset)$/.test(property)) {
    return `${property} depends on the time zone`
  }
  if (property === 'localeCompare' || property.startsWith('toLocale')) {
    return `${property} depends on the locale`
  }
  const object = globalNameOf(node['object'])
  if (object === undefined) {
    return GLOBAL_OBJECTS.has(nameOf(node['object']) ?? '') && BANNED_GLOBALS.has(property)
      ? `${property} is not deterministic`
      : undefined
  }
  if (BANNED_MEMBERS.has(`${object}.${property}`))
    return `${object}.${property} is not deterministic`
  if (isModel && object === 'Math' && INEXACT_MATH.has(property)) {
    return `Math.${property} differs between engines`
  }
  return undefined
}

/** A name that stands for the global itself: not a property's key, a label or a type. */
function impurityOfName(node: Node, parent: Node | undefined): string | undefined {
  const name = node['name'] as string
  if (parent === undefined) return undefined
  const isKey = parent['key'] === node && parent['value'] !== node && parent['computed'] !== true
  const isProperty = parent['property'] === node && parent['computed'] !== true
  if (isKey || isProperty || String(parent['type']).startsWith('TS')) return undefined
  if (BANNED_GLOBALS.has(name)) return `${name} is not deterministic`
  const isObject = parent['type'] === 'MemberExpression' && parent['object'] === node
  if (!WATCHED_OBJECTS.has(name)) return undefined
  const isPlain = isObject && propertyOf(parent) !== undefined
  return isPlain ? undefined : `${name} is passed on, so its use cannot be checked`
}

/** Powers of two and of literals are exact in practice; others are Math.pow by another name. */
function isInexactPower(node: Node): boolean {
  if (node['operator'] === '**=') return true
  if (node['operator'] !== '**') return false
  const [base, exponent] = [node['left'] as Node, node['right'] as Node]
  if (base['value'] === 2) return false
  return base['type'] !== 'Literal' || exponent['type'] !== 'Literal'
}

function nameOf(value: unknown): string | undefined {
  const node = value as Node | undefined
  return node?.['type'] === 'Identifier' ? (node['name'] as string) : undefined
}

/** Math for `Math` and for `globalThis.Math`. */
function globalNameOf(value: unknown): string | undefined {
  const node = value as Node | undefined
  if (node?.['type'] === 'MemberExpression' && GLOBAL_OBJECTS.has(nameOf(node['object']) ?? '')) {
    return propertyOf(node)
  }
  const name = nameOf(node)
  return GLOBAL_OBJECTS.has(name ?? '') ? undefined : name
}

/** The property's name, also when written ['name']; undefined when it is computed. */
function propertyOf(node: Node): string | undefined {
  const property = node['property'] as Node
  if (node['computed'] !== true) return property['name'] as string
  return typeof property['value'] === 'string' ? property['value'] : undefined
}

function complaintsOfLength(path: string, text: string, longFiles = LONG_FILES): string[] {
  if (!path.startsWith('src/') || path.endsWith('.test.ts')) return []
  const lines = text.replace(/\n$/, '').split('\n').length
  const limit = longFiles[path]
  if (limit === undefined) {
    return lines > LINES_MAX ? [`${path}: ${lines} lines, limit ${LINES_MAX}: split it`] : []
  }
  if (lines > limit) return [`${path}: grew from ${limit} to ${lines} lines: split it`]
  if (lines <= LINES_MAX) return [`${path}: ${lines} lines, take it off LONG_FILES`]
  return lines < limit - 20 ? [`${path}: ${lines} lines, lower its entry in LONG_FILES`] : []
}

function files(folders: string[], pattern: RegExp): string[] {
  return folders
    .filter((folder) => existsSync(ROOT + folder))
    .flatMap((folder) =>
      readdirSync(ROOT + folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && pattern.test(entry.name))
        .map((entry) =>
          `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/').slice(ROOT.length),
        ),
    )
    .sort()
}

describe('tidiness', () => {
  const sources = files(['src'], /\.[cm]?tsx?$/)
  const others = files(
    ['bench', 'scenarios', 'scripts', 'test', '.ci'],
    /\.(m?ts|mjs|ya?ml|json)$|^run$/,
  )

  it('finds files to check', () => {
    expect(sources.length).toBeGreaterThan(0)
    expect(others).toContain('test/tidy.test.ts')
    expect(others).toContain('.ci/run')
  })

  it('keeps the house rules', () => {
    const found = [...sources, ...others].flatMap((path) =>
      complaintsOf(path, readFileSync(ROOT + path, 'utf8')),
    )
    expect(found).toEqual([])
  })

  it(`keeps files at ${LINES_MAX} lines or less`, () => {
    const found = sources.flatMap((path) =>
      complaintsOfLength(path, readFileSync(ROOT + path, 'utf8')),
    )
    const gone = Object.keys(LONG_FILES).filter((path) => !sources.includes(path))
    expect([...found, ...gone.map((path) => `${path}: gone, take it off LONG_FILES`)]).toEqual([])
  })
})

describe('the checker itself', () => {
  it.each([
    ['Date.now()'],
    ['const now = Date.now'],
    ['performance.now()'],
    [`performance['now']()`],
    ['process.hrtime.bigint()'],
    ['Math.random()'],
    ['globalThis.Math.random()'],
    ['const { random } = Math'],
    ['draw(Math)'],
    ['setTimeout(f, 5)'],
    ['globalThis.setInterval(f, 5)'],
    [`import { setTimeout } from 'node:timers'`],
    ['const d = new Date()'],
    ['const d = Date(5)'],
    ['const hour = date.getHours()'],
    ['a.localeCompare(b)'],
    ['a.toLocaleString()'],
    ['a?.toLocaleUpperCase()'],
    ['new Intl.NumberFormat()'],
    ['Math.cbrt(x)'],
    ['Math.pow(x, 2)'],
    [`Math['log2'](x)`],
    ['x ** y'],
    ['// flannel'],
    [`if (scheme === 'Weave') f()`],
    ['class DockerBridge {}'],
    ['// TODO: later'],
    [`const file = '/${'tmp'}/x'`],
  ])('catches %s', (text) => {
    expect(complaintsOf('src/wire/x.ts', `\n${text}\n`)).not.toEqual([])
  })

  it('names the line', () => {
    expect(complaintsOf('src/wire/x.ts', '\n\nMath.random()')).toEqual([
      'src/wire/x.ts:3: Math.random is not deterministic',
    ])
  })

  it.each([
    ['src/wire/x.ts', '// Math.random() and Date.now() are banned here'],
    ['src/wire/x.ts', 'const text = new Date(5).toISOString()'],
    ['src/wire/x.ts', 'const x = Math.sqrt(y) + Math.floor(z) + 2 ** 32 + 2 ** -n'],
    ['src/wire/x.ts', 'timer.setTimeout(5); const o = { setTimeout: 1 }; o.log'],
    ['src/wire/x.ts', `import { a } from '../work/tmp/a.ts'`],
    ['src/study/x.ts', 'Math.log(x)'],
    ['src/cli/x.ts', 'performance.now(); new Date(); n.toLocaleString()'],
    ['src/wire/x.test.ts', 'Math.random(); // docker'],
    ['src/schemes/weave/x.ts', `const name = 'weave'`],
    ['src/report/x.ts', `const name = 'calico'`],
  ])('lets pass %s: %s', (path, text) => {
    expect(complaintsOf(path, text)).toEqual([])
  })

  it('holds the limit of lines, and its exceptions only shrink', () => {
    const path = 'src/wire/x.ts'
    const complaints = (lines: number, limit?: number) =>
      complaintsOfLength(path, 'x\n'.repeat(lines), limit === undefined ? {} : { [path]: limit })
    expect(complaints(LINES_MAX)).toEqual([])
    expect(complaints(LINES_MAX + 1)).toHaveLength(1)
    expect(complaints(600, 600)).toEqual([])
    expect(complaints(601, 600)).toEqual([expect.stringContaining('grew')])
    expect(complaints(550, 600)).toEqual([expect.stringContaining('lower')])
    expect(complaints(LINES_MAX, 600)).toEqual([expect.stringContaining('take it off')])
  })
})
