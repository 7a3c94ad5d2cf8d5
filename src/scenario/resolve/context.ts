/** What the parts of the resolver share: the sound input, the raw file, and where faults go. */
import { suggest } from '../did-you-mean.ts'
import type { Fault } from '../faults.ts'
import { isMapping, type Path, type Target, valueAt } from '../place.ts'
import type { SchemeRegistry } from '../registry.ts'
import type { ScenarioInput } from '../schema.ts'
import type { Shape } from '../shape.ts'
import { withShorthand } from '../variants.ts'

/** Names that there are, wrong items included; null when a wrong part leaves them in doubt. */
export type KnownNames = ReadonlySet<string> | null

/** Far more than anybody reads; the search for the word that was meant costs time. */
const FAULTS_MAX = 200

export class Context {
  readonly input: ScenarioInput
  readonly raw: Readonly<Record<string, unknown>>
  readonly registry: SchemeRegistry
  readonly faults: Fault[] = []
  private readonly shape: Shape

  constructor(
    shape: Shape,
    input: ScenarioInput,
    raw: Readonly<Record<string, unknown>>,
    registry: SchemeRegistry,
  ) {
    this.shape = shape
    this.input = input
    this.raw = raw
    this.registry = registry
  }

  /** Reports a fault at a path of `input`. */
  report(
    code: Fault['code'],
    path: Path,
    message: string,
    remedy: string,
    target: Target = 'value',
  ): void {
    if (this.faults.length >= FAULTS_MAX) return
    this.faults.push({ code, message, remedy, path: this.shape.toOriginal(path), target })
  }

  /** Whether `name` is one of `known`; if it is surely not, that is reported. */
  checkName(
    known: KnownNames,
    path: Path,
    what: string,
    name: string,
    target: Target = 'value',
  ): boolean {
    if (known === null) return true
    if (known.has(name)) return true
    if (this.faults.length >= FAULTS_MAX) return false
    const remedy = suggest(name, [...known], `${what}s`)
    this.report('unknown_name', path, `there is no ${what} ${JSON.stringify(name)}`, remedy, target)
    return false
  }

  /** Whether a part of the file at, above or below a path of `input` was wrong and is not there. */
  isBroken(...path: Path): boolean {
    return this.shape.isBroken(this.shape.toOriginal(path))
  }

  /** Where an item of a list in `input` stands in the file. */
  originalIndex(list: Path, index: number): number {
    return this.shape.toOriginal([...list, index]).at(-1) as number
  }

  /** A list of the file as it was written, wrong items included. */
  rawList(...path: string[]): readonly Readonly<Record<string, unknown>>[] {
    const value = valueAt(this.raw, path)
    return Array.isArray(value) ? value.map((item) => (isRecord(item) ? item : {})) : []
  }

  /** Keys of a mapping that the file itself has, without defaults; of one written in short the key meant. */
  rawKeys(...path: Path): readonly string[] {
    const value = withShorthand(path, valueAt(this.raw, path))
    return isMapping(value) ? Object.keys(value) : []
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
