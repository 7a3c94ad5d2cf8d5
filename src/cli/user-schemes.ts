import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { BuildFailure, Message, Plugin } from 'esbuild'
import type { Scheme } from '../schemes/contract.ts'
import { builtinSchemes, type Schemes } from '../schemes/registry.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'

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
  const code = await compile(file)
  // Not in the folder of the file, which may be read-only, and under a name that no cache knows.
  const folder = mkdtempSync(join(tmpdir(), 'encap-'))
  const path = join(folder, 'scheme.mjs')
  try {
    writeFileSync(path, code)
    const module: { readonly default?: unknown } = await import(pathToFileURL(path).href)
    return checkScheme(file, module.default)
  } catch (error) {
    if (error instanceof ExitError) throw error
    throw wrong(file, `cannot be loaded: ${String(error)}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** TypeScript or JavaScript to one module, with the packages that it imports. */
async function compile(file: string): Promise<string> {
  // Only now: without such files no command waits for it.
  const { build } = await import('esbuild')
  try {
    const { outputFiles } = await build({
      entryPoints: [resolve(file)],
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
    throw new ExitError(EXIT_BAD_INPUT, errors.map((each) => messageOf(file, each)).join('\n'))
  }
}

function messageOf(file: string, { text, location }: Message): string {
  if (location === null) return `${file}: error: ${text}`
  return `${location.file}:${location.line}:${location.column + 1}: error: ${text}\n  ${location.lineText.trim()}`
}

/** The same module that the program itself runs, not a copy: its classes must be the same. */
const publicModule: Plugin = {
  name: PUBLIC_NAME,
  setup: ({ onResolve }) => {
    onResolve({ filter: /^encap\/scheme$/ }, () => ({
      path: pathToFileURL(publicFile()).href,
      external: true,
    }))
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

function checkScheme(file: string, exported: unknown): Scheme {
  if (typeof exported !== 'object' || exported === null) {
    throw wrong(file, 'its default export must be a scheme: export default { name: ..., ... }')
  }
  for (const [key, type] of Object.entries(MEMBERS)) {
    const is = typeof (exported as Record<string, unknown>)[key]
    if (is === type) continue
    const what = is === 'undefined' ? 'is missing' : `is a ${is}`
    throw wrong(file, `the scheme's "${key}" ${what}; it must be a ${type}`)
  }
  return exported as Scheme
}

function wrong(file: string, message: string): ExitError {
  return new ExitError(EXIT_BAD_INPUT, `${file}: error: ${message}`)
}
