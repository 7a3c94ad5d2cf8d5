import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, Message, Plugin } from 'esbuild'
import { nearest } from '../scenario/did-you-mean.ts'
import type { Scheme } from '../schemes/contract.ts'
import { builtinSchemes, type Schemes } from '../schemes/registry.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { faultAt, userFault } from './user-fault.ts'

/** What a scheme is written with, as its file imports it. */
const PUBLIC_NAME = 'encap/scheme'

/** The built-in schemes and those of files that the user names. Each file is loaded once a call. */
export async function schemesWith(files: readonly string[] = []): Promise<Schemes> {
  if (files.length === 0) return builtinSchemes
  const added: Scheme[] = []
  for (const file of files) {
    const scheme = await loadScheme(file)
    const taken = [...builtinSchemes.names(), ...added.map(({ name }) => name)]
    if (taken.includes(scheme.name)) {
      throw wrong(file, `there is a scheme "${scheme.name}" already; give it another name`)
    }
    added.push(scheme)
  }
  return builtinSchemes.with(added)
}

async function loadScheme(file: string): Promise<Scheme> {
  if (!existsSync(file)) throw wrong(file, 'there is no such file')
  // Not in the folder of the file, which may be read-only, and under a name that no cache knows.
  const folder = mkdtempSync(join(tmpdir(), 'encap-'))
  const path = join(folder, 'scheme.mjs')
  // Errors are to name lines of the file, not of what was made of it.
  process.setSourceMapsEnabled(true)
  try {
    writeFileSync(path, await compile(file, path))
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href)
    return checkScheme(file, module.default)
  } catch (error) {
    if (error instanceof ExitError) throw error
    const fault = error instanceof Error ? userFault(error, [file]) : null
    if (fault !== null) throw new ExitError(EXIT_BAD_INPUT, fault)
    throw wrong(file, `cannot be loaded: ${String(error)}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** TypeScript or JavaScript to one module, with the packages that it imports. */
async function compile(file: string, outfile: string): Promise<string> {
  // Only now: without such files no command waits for it.
  const { build } = await import('esbuild')
  try {
    const { outputFiles } = await build({
      entryPoints: [resolve(file)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      plugins: [publicModule],
      sourcemap: 'inline',
      logLevel: 'silent',
      write: false,
    })
    return outputFiles[0]!.text
  } catch (error) {
    const { errors } = error as BuildFailure
    if (errors === undefined) throw error
    const names = await publicNames()
    throw new ExitError(
      EXIT_BAD_INPUT,
      errors.map((each) => messageOf(file, each, names)).join('\n'),
    )
  }
}

function messageOf(file: string, { text, location }: Message, names: readonly string[]): string {
  const message = messageText(text, names)
  if (location === null) return `${file}: error: ${message}`
  const place = `${location.file}:${location.line}:${location.column + 1}`
  return `${place}: error: ${message}\n  ${location.lineText.trim()}`
}

function messageText(text: string, names: readonly string[]): string {
  const unknown = /^No matching export in .* for import "(.*)"$/.exec(text)?.[1]
  if (unknown !== undefined) {
    const meant = nearest(unknown, names)
    const remedy = meant === null ? '' : `; did you mean "${meant}"?`
    return `${PUBLIC_NAME} has no "${unknown}"${remedy}`
  }
  const missing = /^Could not resolve "(.*)"$/.exec(text)?.[1]
  if (missing === undefined) return text
  const isFile = /^\.{0,2}\//.test(missing)
  return `there is no "${missing}"${isFile ? '' : '; install it where the file is'}`
}

async function publicNames(): Promise<readonly string[]> {
  return Object.keys(await import(pathToFileURL(publicFile()).href))
}

/**
 * The same module that the program itself runs, not a copy: its classes must be the same. Its names are
 * listed, so that one that it does not have is found here, with its line.
 */
const publicModule: Plugin = {
  name: PUBLIC_NAME,
  setup: ({ onResolve, onLoad }) => {
    const url = pathToFileURL(publicFile()).href
    onResolve({ filter: /^encap\/scheme$/ }, ({ path }) => ({ path, namespace: 'encap' }))
    onResolve({ filter: /^file:/, namespace: 'encap' }, ({ path }) => ({ path, external: true }))
    onLoad({ filter: /.*/, namespace: 'encap' }, async () => {
      const names = await publicNames()
      return { contents: `export { ${names.join(', ')} } from ${JSON.stringify(url)}` }
    })
  },
}

/** As built: beside this file, or above it when this is a chunk; otherwise the source. */
function publicFile(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const built = [here, dirname(here)].map((folder) => join(folder, 'scheme.js'))
  return built.find(existsSync) ?? fileURLToPath(new URL('../schemes/public.ts', import.meta.url))
}

const MEMBERS = {
  name: 'string',
  summary: 'string',
  options: 'object',
  variant: 'function',
  startHost: 'function',
} as const

/** @throws ExitError that says what a file's default export lacks to be a scheme. */
export function checkScheme(file: string, exported: unknown): Scheme {
  if (typeof exported !== 'object' || exported === null) {
    throw wrongExport(file, 'its default export must be a scheme: export default { name: ... }')
  }
  for (const [key, type] of Object.entries(MEMBERS)) {
    const is = typeof (exported as Record<string, unknown>)[key]
    if (is === type) continue
    const what = is === 'undefined' ? 'is missing' : `is a ${is}`
    throw wrongExport(
      file,
      `the scheme's "${key}" ${what}; it must be ${type === 'object' ? 'an' : 'a'} ${type}`,
    )
  }
  const { options } = exported as Scheme
  if (typeof options.safeParse !== 'function') {
    throw wrongExport(file, `the scheme's "options" must be a zod schema: z.strictObject({ ... })`)
  }
  return exported as Scheme
}

/** Points at what the file exports, or at its beginning. */
function wrongExport(file: string, message: string): ExitError {
  const lines = readFileSync(file, 'utf8').split('\n')
  const line = Math.max(
    0,
    lines.findIndex((text) => /\bexport\b.*\bdefault\b/.test(text)),
  )
  return new ExitError(EXIT_BAD_INPUT, faultAt(file, { line: line + 1, column: 1 }, message))
}

function wrong(file: string, message: string): ExitError {
  return new ExitError(EXIT_BAD_INPUT, `${file}: error: ${message}`)
}
