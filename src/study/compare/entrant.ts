import { suggest } from '../../scenario/did-you-mean.ts'
import type { Scheme, Showcase } from '../../schemes/contract.ts'
import type { Schemes } from '../../schemes/registry.ts'

/** Keys of a part of a scenario file, as the file has them. */
export type Section = Readonly<Record<string, unknown>>

/** A variant of a scheme that takes part in a comparison. */
export interface Entrant {
  /** As tables name it, such as `a/b`; no other entrant has it. */
  readonly name: string
  readonly scheme: string
  /** Keys of its network beside `scheme`. */
  readonly options: Section
  /** What a second network on the same hosts says otherwise. */
  readonly another: Section
  /** The section `store` that it needs; null = none. */
  readonly store: Section | null
  /** What it needs of the section `fabric`. */
  readonly fabric: Section
  /** Keys with which its leases end within two minutes. */
  readonly shortLeases: Section
}

/** What every scheme of the registry says of itself; without a word: its defaults. */
export function entrantsOf(schemes: Schemes): Entrant[] {
  return schemes.names().flatMap((name) => {
    const scheme = schemes.get(name)!
    const showcases = scheme.showcase ?? [{ options: {} }]
    return showcases.map((showcase) => entrantOf(scheme, showcase))
  })
}

function entrantOf(scheme: Scheme, showcase: Showcase): Entrant {
  const { name, options, another = {}, store = null, fabric = {}, shortLeases = {} } = showcase
  return {
    name: name ?? scheme.variant(scheme.options.parse(options)),
    scheme: scheme.name,
    options,
    another,
    store,
    fabric,
    shortLeases,
  }
}

/** Wishes such as `a` (all of a scheme) and `a/b` (one variant), in the order of the registry. */
export function chooseEntrants(
  all: readonly Entrant[],
  wanted: readonly string[],
): { readonly entrants: readonly Entrant[] } | { readonly problem: string } {
  const isMeant = (wish: string) => (entrant: Entrant) =>
    entrant.name === wish || entrant.scheme === wish
  const stranger = wanted.find((wish) => !all.some(isMeant(wish)))
  if (stranger !== undefined) {
    const known = [...new Set(all.flatMap(({ name, scheme }) => [scheme, name]))]
    return { problem: `there is no scheme "${stranger}"; ${suggest(stranger, known, 'schemes')}` }
  }
  if (wanted.length === 0) return { entrants: all }
  return { entrants: all.filter((entrant) => wanted.some((wish) => isMeant(wish)(entrant))) }
}
