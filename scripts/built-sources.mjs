// Tests run what esbuild makes of src/, as users do, and not what Vite would make of it: there each use of an
// import is a call, which makes a simulation take 1.7 times as long.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { BUILD_OPTIONS } from './build-options.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = join(ROOT, 'src')
/** Below node_modules: packages are found from there, and vitest leaves modules from there to Node. */
const CACHE = join(ROOT, 'node_modules/.cache/encap-sources')
/** It asks where it stands, so it stays where it is. */
const CLI = join(SOURCES, 'cli') + sep

/** A Vite plugin that gives tests the built module of each source. The build is removed when they end. */
export async function builtSources() {
  mkdirSync(CACHE, { recursive: true })
  const folder = mkdtempSync(join(CACHE, 'run-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const built = await buildInto(folder)
  return {
    name: 'built-sources',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      if (importer === undefined || !source.endsWith('.ts')) return null
      const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
      return built.get(resolved?.id) ?? null
    },
  }
}

/** @returns {Promise<Map<string, string>>} source -> what was built of it, absolute paths */
async function buildInto(folder) {
  const sources = readdirSync(SOURCES, { recursive: true })
    .map((name) => join(SOURCES, name))
    .filter((path) => /(?<!\.test|\.d)\.ts$/.test(path) && !path.startsWith(CLI))
  await build({
    ...BUILD_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: sources,
    outbase: SOURCES,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[hash]',
    splitting: true,
    sourcemap: 'linked',
  })
  const outputOf = (path) => join(folder, relative(SOURCES, path).replace(/\.ts$/, '.mjs'))
  return new Map(sources.map((path) => [path, outputOf(path)]))
}
