import { inlineLiterals } from './inline-literals.mjs'

/** How esbuild makes a program for Node 20 of the sources, whatever it is for. */
export const BUILD_OPTIONS = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  minifySyntax: true,
  plugins: [inlineLiterals],
  logLevel: 'warning',
}
