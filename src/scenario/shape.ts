/**
 * Checks the shape of a scenario and saves what is sound: a part that is wrong is reported and taken
 * out, so that the checks of meaning still see the rest.
 */
import type { z } from 'zod'
import type { Fault } from './faults.ts'
import type { JsonSchema } from './json-schema.ts'
import { formatPath, isMapping, type Path, valueAt } from './place.ts'
import type { ScenarioInput } from './schema.ts'
import { FAULTS_MAX, faultsOf } from './zod-faults.ts'

/** Taking out one part may make another one wrong, such as a list that becomes too short. */
const ROUNDS_MAX = 16

export interface Shape {
  /** What is sound, with its defaults; null when nothing is. */
  readonly input: ScenarioInput | null
  readonly faults: readonly Fault[]
  /** Whether a part at, above or below `path` (of the file) was taken out. */
  isBroken(path: Path): boolean
  /** A path of `input` as a path of the file: they differ behind a list item that was taken out. */
  toOriginal(path: Path): Path
}

export function checkShape(
  schema: z.ZodType<ScenarioInput>,
  json: () => JsonSchema,
  raw: unknown,
): Shape {
  const pruner = new Pruner(raw)
  const faults: Fault[] = []
  let input: ScenarioInput | null = null
  for (let round = 0; round < ROUNDS_MAX && input === null; round++) {
    const result = schema.safeParse(pruner.value)
    if (result.success) {
      input = result.data
      break
    }
    const { issues } = result.error
    const found = issues
      .slice(0, FAULTS_MAX)
      .flatMap((issue) => faultsOf(issue, pruner.value, json()))
    const fresh = found.map((fault) => ({ ...fault, path: pruner.toOriginal(fault.path) }))
    faults.push(...fresh.filter((fault) => round === 0 || !pruner.isBroken(fault.path)))
    if (found.length >= FAULTS_MAX || !pruner.remove(found)) break
  }
  return {
    input,
    faults,
    isBroken: (path) => pruner.isBroken(path),
    toOriginal: (path) => pruner.toOriginal(path),
  }
}

/** A copy of the raw value that loses its wrong parts. */
class Pruner {
  readonly value: unknown
  private readonly removed: Path[] = []
  /** Of each list that lost items, by its original path: where the rest stood. */
  private readonly kept = new Map<string, number[]>()

  constructor(raw: unknown) {
    this.value = structuredClone(raw)
  }

  toOriginal(path: Path): Path {
    const original: (string | number)[] = []
    for (const step of path) {
      const kept = typeof step === 'number' ? this.kept.get(formatPath(original)) : undefined
      original.push(kept === undefined ? step : (kept[step as number] ?? step))
    }
    return original
  }

  isBroken(path: Path): boolean {
    return this.removed.some((gone) => {
      const length = Math.min(gone.length, path.length)
      return gone.slice(0, length).every((step, i) => step === path[i])
    })
  }

  /** @returns false when the whole would have to go. */
  remove(faults: readonly Fault[]): boolean {
    const paths = faults.map((fault) =>
      fault.code === 'missing_key' ? fault.path.slice(0, -1) : fault.path,
    )
    if (paths.some((path) => path.length === 0)) return false
    // Later items first, so that the places of earlier ones stay right.
    const unique = new Map(paths.map((path) => [formatPath(path), path]))
    for (const path of [...unique.values()].sort(comparePaths).reverse()) this.removeOne(path)
    return true
  }

  private removeOne(whole: Path): void {
    // What is not there was filled in: its nearest ancestor in the file goes.
    let path = whole
    while (path.length > 1 && valueAt(this.value, path) === undefined) path = path.slice(0, -1)
    const parent = valueAt(this.value, path.slice(0, -1))
    const last = path.at(-1)!
    if (Array.isArray(parent) && typeof last === 'number' && last < parent.length) {
      const original = this.toOriginal(path)
      const list = formatPath(original.slice(0, -1))
      const kept = this.kept.get(list) ?? parent.map((_, index) => index)
      kept.splice(last, 1)
      this.kept.set(list, kept)
      this.removed.push(original)
      parent.splice(last, 1)
    } else if (isMapping(parent) && Object.hasOwn(parent, last)) {
      this.removed.push(this.toOriginal(path))
      delete parent[last]
    }
  }
}

function comparePaths(a: Path, b: Path): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!]
    if (x === y) continue
    if (typeof x === 'number' && typeof y === 'number') return x - y
    return String(x) < String(y) ? -1 : 1
  }
  return a.length - b.length
}
