import { readFile } from 'node:fs/promises'

const SOURCES = /[\\/](src|bench)[\\/].*\.ts$/
const NUMBER = String.raw`-?(?:0x[0-9a-fA-F]+|[0-9_]+(?:\.[0-9]+)?(?:e[0-9]+)?)`
const POWER = String.raw`2 \*\* [0-9]+`
const LITERAL = new RegExp(
  `^(export )?const ([A-Z][A-Z0-9_]*)(?:: \\w+)? = (${NUMBER}|${POWER})$`,
  'gm',
)
const NAMESPACE = 'literals'

/**
 * An esbuild plugin that has numeric constants written in place. A module's variable costs V8 a load and a
 * check at every use, 10 to 15 % of a packet-hop; with `minifySyntax` esbuild writes a constant in place if
 * its module imports nothing. So each module's top-level literals are given a module of their own. Lines
 * keep their numbers, for the source maps.
 */
export const inlineLiterals = {
  name: 'inline-literals',
  setup(build) {
    const modules = new Map()
    build.onLoad({ filter: SOURCES, namespace: 'file' }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const literals = [...text.matchAll(LITERAL)]
      if (literals.length === 0) return { contents: text, loader: 'ts' }
      modules.set(
        path,
        literals.map(([, , name, value]) => `export const ${name} = ${folded(value)}`),
      )
      const names = literals.map(([, , name]) => name).join()
      const exported = literals
        .filter(([, isExported]) => isExported)
        .map(([, , name]) => name)
        .join()
      const from = JSON.stringify(`${NAMESPACE}:${path}`)
      const head = `import {${names}} from ${from};export {${exported}} from ${from};`
      return { contents: head + text.replaceAll(LITERAL, ''), loader: 'ts' }
    })
    build.onResolve({ filter: /^literals:/ }, ({ path }) => ({
      path: path.slice(NAMESPACE.length + 1),
      namespace: NAMESPACE,
      sideEffects: false,
    }))
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
      contents: modules.get(path).join('\n'),
      loader: 'ts',
    }))
  },
}

/** esbuild writes numbers in place, not what is yet to be computed. */
function folded(value) {
  return value.startsWith('2 ** ') ? 2 ** Number(value.slice('2 ** '.length)) : value
}
