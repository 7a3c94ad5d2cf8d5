/** How a variant changes a file: mappings are merged, anything else is replaced, null removes. */
import { isMapping, type Path } from './place.ts'

/** What a variant's `networks.NAME` keeps of the file's when it names another scheme. */
export type KeepOptions = (
  options: Readonly<Record<string, unknown>>,
  newScheme: string,
) => Record<string, unknown>

/** Keys whose value may stand for a mapping with one key. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  'fabric.links': 'rate',
  'fabric.uplinks': 'rate',
  'fabric.switch': 'profile',
}

/** The mapping that a scalar stands for at `path`, or the value as it is. */
export function withShorthand(path: Path, value: unknown): unknown {
  const isOfPart = path[0] === 'variants' || path[0] === 'panels'
  if (isOfPart) return withShorthand(path.slice(2), value)
  const key = SHORTHANDS[path.join('.')]
  const isScalar = typeof value === 'string' || typeof value === 'number'
  return key !== undefined && isScalar ? { [key]: value } : value
}

export function mergeVariant(
  base: unknown,
  over: unknown,
  keepOptions: KeepOptions,
  path: Path = [],
): unknown {
  const longBase = withShorthand(path, base)
  const longOver = isMapping(longBase) ? withShorthand(path, over) : over
  if (!isMapping(longBase) || !isMapping(longOver)) return over
  const kept = isSchemeChange(path, longBase, longOver)
    ? keepOptions(longBase, longOver['scheme'] as string)
    : longBase
  const merged = new Map(Object.entries(kept))
  for (const [key, value] of Object.entries(longOver)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergeVariant(merged.get(key), value, keepOptions, [...path, key]))
  }
  return Object.fromEntries(merged)
}

function isSchemeChange(
  path: Path,
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): boolean {
  if (path.length !== 2 || path[0] !== 'networks' || typeof over['scheme'] !== 'string')
    return false
  return typeof base['scheme'] === 'string' && base['scheme'] !== over['scheme']
}
