// Builds dist/ from the entry points below: `npm run build`, and `npm ci` by way of `prepare`.
// Hot code must run from this build: tsx wraps every named closure (esbuild's keepNames).
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { BUILD_OPTIONS } from './build-options.mjs'

const SHEBANG = '#!/usr/bin/env node\n'

/** Name in dist -> source. An entry whose source does not exist yet is left out, with a message. */
const ENTRIES = {
  cli: 'src/cli/main.ts',
  'sweep-worker': 'src/cli/sweep-worker.ts',
  'compare-worker': 'src/cli/compare-worker.ts',
  scheme: 'src/schemes/public.ts',
  bench: 'bench/main.ts',
}

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const present = Object.entries(ENTRIES).filter(([name, source]) => {
  if (existsSync(source)) return true
  console.warn(`build: ${source} does not exist yet, so dist/${name}.js is not built`)
  return false
})

const outputs = present.length > 0 ? await bundle() : new Map()
for (const [path, text] of outputs) {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
if (outputs.has(resolve('dist/cli.js'))) await chmod('dist/cli.js', 0o755)
await removeStale()
if (present.length > 0)
  console.log(`build: ${present.map(([name]) => `dist/${name}.js`).join(', ')}`)

/** @returns {Promise<Map<string, string>>} absolute path -> text */
async function bundle() {
  const result = await build({
    ...BUILD_OPTIONS,
    entryPoints: Object.fromEntries(present),
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    sourcemap: 'linked',
    sourcesContent: false,
    write: false,
  })
  const files = new Map(result.outputFiles.map((file) => [file.path, file.text]))
  const cli = resolve('dist/cli.js')
  const text = files.get(cli)
  if (text !== undefined && !text.startsWith('#!')) {
    files.set(cli, SHEBANG + text)
    // The shebang is one line more on top, so the source map gets an empty line as well.
    const map = JSON.parse(files.get(`${cli}.map`))
    files.set(`${cli}.map`, JSON.stringify({ ...map, mappings: `;${map.mappings}` }))
  }
  return files
}

/** After the new files are in place, so that a command that runs meanwhile still finds its own. */
async function removeStale() {
  if (!existsSync('dist')) return
  for (const entry of await readdir('dist', { recursive: true, withFileTypes: true })) {
    const path = resolve(join(entry.parentPath, entry.name))
    if (entry.isFile() && !outputs.has(path)) await rm(path)
  }
}
