/**
 * Imports go one way. A folder of src imports from itself and from those below it in LAYERS, never
 * from one above; a scheme knows no other scheme. Types, re-exports and dynamic imports count too.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseAst } from 'vitest/node'

/** From top to bottom. */
const LAYERS = [
  'cli',
  'web',
  'report',
  'study',
  'scenario',
  'schemes',
  'workload',
  'control',
  'fabric',
  'host',
  'stack',
  'cpu',
  'link',
  'measure',
  'wire',
  'sim',
]
const REGISTRY = 'src/schemes/registry.ts'
const ROOT = fileURLToPath(new URL('..', import.meta.url))

type Import = { specifier: string | null; line: number }

/** All module specifiers of a source text; null stands for one that is computed at run time. */
function importsOf(path: string, text: string): Import[] {
  const found: Import[] = []
  const add = (source: unknown, start: number) => {
    found.push({ specifier: literalOf(source), line: text.slice(0, start).split('\n').length })
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    const node = value as Record<string, unknown>
    const start = node['start'] as number
    switch (node['type']) {
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        add(node['source'], start)
        break
      case 'ExportNamedDeclaration':
        if (node['source'] !== null && node['source'] !== undefined) add(node['source'], start)
        break
      case 'TSExternalModuleReference':
        add(node['expression'], start)
        break
      case 'CallExpression':
        if (nameOf(node['callee']) === 'require') add(firstOf(node['arguments']), start)
        break
      case 'NewExpression':
        // new URL('./worker.ts', import.meta.url) names a module as well.
        if (
          nameOf(node['callee']) === 'URL' &&
          /^\.\.?\//.test(literalOf(firstOf(node['arguments'])) ?? '')
        )
          add(firstOf(node['arguments']), start)
        break
    }
    for (const child of Object.values(node)) visit(child)
  }
  visit(parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' }).body)
  return found
}

function firstOf(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined
}

function nameOf(node: unknown): string | undefined {
  return (node as { name?: string } | undefined)?.name
}

function literalOf(node: unknown): string | null {
  const { value, quasis } = (node ?? {}) as {
    value?: unknown
    quasis?: { value: { cooked: string } }[]
  }
  if (typeof value === 'string') return value
  return quasis?.length === 1 ? (quasis[0]?.value.cooked ?? null) : null
}

/** What is wrong with the imports of one file, as `path:line: reason`. Paths are 'src/...'. */
/** Imports what the command line names. */
const USERS_FILES = 'src/cli/user-schemes.ts'

function violationsOf(path: string, text: string): string[] {
  const from = layerOf(path)
  if (from === undefined) return [`${path}: is in no folder of the list of layers`]
  let imports: Import[]
  try {
    imports = importsOf(path, text)
  } catch {
    return [`${path}: does not parse`]
  }
  const found: string[] = []
  for (const { specifier, line } of imports) {
    if (specifier === null && path === USERS_FILES) continue
    const reason =
      specifier === null ? 'imports a computed path' : reasonAgainst(path, from, specifier)
    if (reason !== undefined) found.push(`${path}:${line}: ${reason}`)
  }
  return found
}

function reasonAgainst(path: string, from: string, specifier: string): string | undefined {
  if (/^(\/|#|file:|encap(\/|$))/.test(specifier))
    return `imports '${specifier}', not a relative path`
  if (!/^\.\.?(\/|$)/.test(specifier)) return undefined // a package
  const target = posix.join(posix.dirname(path), specifier)
  const isTest = path.endsWith('.test.ts')
  if (target === 'package.json') return undefined
  if (!target.startsWith('src/')) {
    return isTest ? undefined : `imports '${specifier}', which is outside of src`
  }
  const to = layerOf(target)
  if (to === undefined) return `imports '${specifier}', which is in no layer`
  if (LAYERS.indexOf(to) < LAYERS.indexOf(from)) return `${from} imports ${to}, which is above it`
  return reasonAgainstScheme(path, target)
}

function reasonAgainstScheme(path: string, target: string): string | undefined {
  if (layerOf(path) !== 'schemes' || layerOf(target) !== 'schemes' || path === REGISTRY) return
  const own = schemeOf(path)
  const other = schemeOf(target)
  if (own !== undefined && target === REGISTRY) return `scheme ${own} imports the registry`
  if (other === undefined || own === other) return undefined
  if (own === undefined && path.endsWith('.test.ts')) return undefined
  return own === undefined
    ? `imports scheme ${other}; only the registry may`
    : `scheme ${own} imports scheme ${other}`
}

function layerOf(path: string): string | undefined {
  const [, folder, rest] = path.split('/')
  return rest !== undefined && folder !== undefined && LAYERS.includes(folder) ? folder : undefined
}

function schemeOf(path: string): string | undefined {
  const [, , folder, file] = path.split('/')
  return file === undefined ? undefined : folder
}

function sources(): string[] {
  return readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.[cm]?tsx?$/.test(name))
    .sort()
}

describe('layering of src', () => {
  it('finds files to check', () => {
    expect(sources().length).toBeGreaterThan(0)
  })

  it('has imports that go down only', () => {
    const found = sources().flatMap((path) => violationsOf(path, readFileSync(ROOT + path, 'utf8')))
    expect(found).toEqual([])
  })
})

describe('the checker itself', () => {
  it.each([
    ['import', `import { a } from '../host/a.ts'`],
    ['type import', `import type { A } from '../host/a.ts'`],
    ['inline type import', `import { type A } from '../host/a.ts'`],
    ['import over lines', `import {\n  a,\n  b,\n} from '../host/a.ts'`],
    ['import for effect', `import '../host/a.ts'`],
    ['re-export', `export { a } from '../host/a.ts'`],
    ['re-export of all', `export * from '../host/a.ts'`],
    ['re-export of types', `export type { A } from '../host/a.ts'`],
    ['dynamic import', `const a = await import('../host/a.ts')`],
    ['dynamic import of a template', 'const a = await import(`../host/a.ts`)'],
    ['type query', `let a: import('../host/a.ts').A`],
    ['require', `const a = require('../host/a.ts')`],
    ['import equals', `import a = require('../host/a.ts')`],
    ['worker', `new Worker(new URL('../host/a.ts', import.meta.url))`],
  ])('catches an upward %s', (_kind, text) => {
    const [first, ...others] = violationsOf('src/wire/x.ts', text)
    expect(first).toMatch(/^src\/wire\/x\.ts:1: wire imports host/)
    expect(others).toEqual([])
  })

  it('names the line', () => {
    const text = `import { a } from '../sim/a.ts'\n\nimport { b } from '../cli/b.ts'`
    expect(violationsOf('src/wire/x.ts', text)).toEqual([
      'src/wire/x.ts:3: wire imports cli, which is above it',
    ])
  })

  it.each([
    ['src/wire/x.ts', `import(name)`, 'computed'],
    ['src/wire/x.ts', `import '../../bench/main.ts'`, 'outside of src'],
    ['src/wire/x.ts', `import '#host'`, 'not a relative path'],
    ['src/wire/x.ts', `import '../utils/a.ts'`, 'no layer'],
    ['src/wire/x.ts', `import from from(`, 'does not parse'],
    ['src/x.ts', ``, 'no folder'],
    ['src/utils/x.ts', ``, 'no folder'],
    ['src/schemes/a/x.ts', `import '../b/y.ts'`, 'scheme a imports scheme b'],
    ['src/schemes/a/x.test.ts', `import '../b/y.ts'`, 'scheme a imports scheme b'],
    ['src/schemes/a/x.ts', `import '../registry.ts'`, 'imports the registry'],
    ['src/schemes/contract.ts', `import './b/y.ts'`, 'only the registry'],
  ])('catches %s: %s', (path, text, reason) => {
    expect(violationsOf(path, text)).toEqual([expect.stringContaining(reason)])
  })

  it.each([
    ['src/host/x.ts', `import { a } from '../wire/a.ts'`],
    ['src/host/x.ts', `import { a } from './device/a.ts'`],
    ['src/host/x.ts', `import { z } from 'zod'; import 'node:fs'`],
    ['src/host/x.ts', `// import '../cli/main.ts'\nconst a = "import '../cli/main.ts'"`],
    ['src/host/x.test.ts', `import { a } from '../../test/golden.ts'`],
    ['src/cli/main.ts', `import text from '../../package.json' with { type: 'json' }`],
    ['src/schemes/a/x.ts', `import './y.ts'; import '../contract.ts'; import '../../host/a.ts'`],
    ['src/schemes/registry.ts', `import './a/x.ts'; import './b/y.ts'`],
  ])('lets pass %s: %s', (path, text) => {
    expect(violationsOf(path, text)).toEqual([])
  })
})
