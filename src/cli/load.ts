import { suggest } from '../scenario/did-you-mean.ts'
import { formatIssues } from '../scenario/issues.ts'
import { loadScenarioFile } from '../scenario/load.ts'
import type { Scenario } from '../scenario/model.ts'
import type { Schemes } from '../schemes/registry.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { hasColor } from './terminal.ts'

export interface LoadFlags {
  readonly set?: readonly string[]
  readonly seed?: string
  /** Files with schemes of the user's. */
  readonly scheme?: readonly string[]
  /** A panel of the file, or `all`; default: the first. */
  readonly panel?: string
}

export interface LoadedFile {
  readonly file: string
  readonly scenarios: readonly Scenario[]
  /** All panels of the file. */
  readonly panels: readonly string[]
}

/** Loads several files; what is wrong with some of them comes back as text, a file each. */
export function loadAll(
  files: readonly string[],
  flags: LoadFlags,
  schemes: Schemes,
): { readonly loaded: readonly LoadedFile[]; readonly wrong: readonly string[] } {
  const loaded: LoadedFile[] = []
  const wrong: string[] = []
  for (const file of files) {
    try {
      loaded.push({ file, ...loadFile(file, flags, schemes) })
    } catch (error) {
      if (!(error instanceof ExitError)) throw error
      wrong.push(error.message)
    }
  }
  return { loaded, wrong }
}

/** The scenarios of a file, or the end of the program: see `loadFile`. */
export function load(file: string, flags: LoadFlags, schemes: Schemes): readonly Scenario[] {
  return loadFile(file, flags, schemes).scenarios
}

/** Loads a scenario file, or ends with everything that is wrong with it and exit status 2. */
function loadFile(file: string, flags: LoadFlags, schemes: Schemes): Omit<LoadedFile, 'file'> {
  if (flags.seed === '') throw new ExitError(EXIT_BAD_INPUT, '--seed: it must not be empty')
  const settings = [...(flags.set ?? [])]
  if (flags.seed !== undefined) settings.push(`seed=${JSON.stringify(flags.seed)}`)
  const { panel } = flags
  const options = panel === undefined ? { settings } : { settings, panel }
  const result = attempt(file, () => loadScenarioFile(file, schemes, options))
  if (result.ok) return result
  const text = formatIssues(result.issues, { color: hasColor(process.stderr) })
  throw new ExitError(EXIT_BAD_INPUT, text)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a directory; name a file',
  EACCES: 'the file may not be read',
}

function attempt<T>(file: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === '') throw error
    throw new ExitError(EXIT_BAD_INPUT, `${file}: error: ${REASONS[code] ?? code}`)
  }
}

/** The variants that were asked for, in the order of the file. */
export function selectVariants(
  scenarios: readonly Scenario[],
  wanted: readonly string[],
  file: string,
): readonly Scenario[] {
  if (wanted.length === 0) return scenarios
  const named = scenarios.flatMap(({ variant }) => (variant === null ? [] : [variant]))
  const known = [...new Set(named)]
  for (const name of wanted) {
    if (known.includes(name)) continue
    const remedy = suggest(name, known, 'variants')
    throw new ExitError(EXIT_BAD_INPUT, `--variant: ${file} has no variant "${name}"; ${remedy}`)
  }
  return scenarios.filter(({ variant }) => variant !== null && wanted.includes(variant))
}
