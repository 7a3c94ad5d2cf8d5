import type { NetNamespace } from '../namespace.ts'
import { HASHSIZE_DEFAULT, IpSet, MAXELEM_DEFAULT, SET_TYPES, type SetType } from './ip-set.ts'
import { IpsetError } from './ipset-error.ts'

/** IPSET_MAXNAMELEN, less the zero at the end. */
export const SET_NAME_MAX = 31

const VERBS = new Map([
  ['create', 'create'],
  ['-N', 'create'],
  ['add', 'add'],
  ['-A', 'add'],
  ['del', 'del'],
  ['-D', 'del'],
  ['test', 'test'],
  ['-T', 'test'],
  ['flush', 'flush'],
  ['-F', 'flush'],
  ['destroy', 'destroy'],
  ['-X', 'destroy'],
  ['swap', 'swap'],
  ['-W', 'swap'],
  ['rename', 'rename'],
  ['-E', 'rename'],
])

/**
 * `ipset` of a namespace.
 *
 * | what | supported |
 * | --- | --- |
 * | commands | create add del test flush destroy swap rename save list restore, `-exist` or `-!` |
 * | types | hash:ip, hash:net, hash:ip,port (tcp and udp) |
 * | create | family inet, hashsize, maxelem |
 *
 * Everything else is refused with an IpsetError that names the word.
 */
export class Ipset {
  private readonly namespace: NetNamespace

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
  }

  private get sets(): Map<string, IpSet> {
    return this.namespace.ipsets
  }

  /** The set of that name, for those who would read it. */
  find(name: string): IpSet | undefined {
    return this.sets.get(name)
  }

  /**
   * Carries out one command, written without `ipset`.
   * @returns what `test` found; true otherwise. Throws IpsetError, and then nothing has changed.
   */
  run(text: string): boolean {
    const words = text.trim().split(/\s+/)
    const isLenient = words.some((word) => word === '-exist' || word === '-!')
    const [word = '', ...rest] = words.filter((one) => one !== '-exist' && one !== '-!')
    const verb = VERBS.get(word)
    if (verb === undefined) throw new IpsetError(`Unknown command ${word}`, word)
    return this.execute(verb, rest, isLenient)
  }

  /** `ipset restore`: every line a command. Lines before a wrong one have been carried out. */
  restore(text: string): void {
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '' || line.startsWith('#') || line.trim() === 'COMMIT') continue
      try {
        this.run(line)
      } catch (error) {
        throw error instanceof IpsetError ? error.onLine(index + 1) : error
      }
    }
  }

  /** What `ipset save` prints: each set, by name, with its elements by address. */
  save(): string {
    return this.byName()
      .flatMap((set) => [set.header, ...set.members().map((one) => `add ${set.name} ${one}`)])
      .map((line) => `${line}\n`)
      .join('')
  }

  /** What `ipset list` prints, less its sizes in memory. */
  list(): string {
    return this.byName()
      .map((set) =>
        [
          `Name: ${set.name}`,
          `Type: ${set.type}`,
          `Header: family inet hashsize ${set.hashsize} maxelem ${set.maxelem}`,
          `References: ${this.references(set)}`,
          `Number of entries: ${set.size}`,
          'Members:',
          ...set.members(),
          '',
        ].join('\n'),
      )
      .join('\n')
  }

  private byName(): IpSet[] {
    return [...this.sets.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  private references(set: IpSet): number {
    return this.namespace.filter?.referencesTo(set) ?? 0
  }

  private execute(verb: string, words: readonly string[], isLenient: boolean): boolean {
    const [name, ...rest] = words
    if (name === undefined) return this.executeOnAll(verb)
    switch (verb) {
      case 'create':
        return this.create(name, rest, isLenient)
      case 'add':
        return this.change(name, rest, isLenient, true)
      case 'del':
        return this.change(name, rest, isLenient, false)
      case 'test':
        return this.set(name).test(argument(rest))
      case 'flush':
        this.set(name).flush()
        return true
      case 'destroy':
        return this.destroy(this.set(name))
      case 'swap':
        return this.swap(this.set(name), argument(rest))
      default:
        return this.rename(this.set(name), argument(rest))
    }
  }

  private executeOnAll(verb: string): boolean {
    if (verb !== 'flush' && verb !== 'destroy') {
      throw new IpsetError('Missing mandatory argument', '')
    }
    const all = [...this.sets.values()]
    if (verb === 'flush') for (const set of all) set.flush()
    else {
      for (const set of all) this.checkUnused(set)
      this.sets.clear()
    }
    return true
  }

  private create(name: string, words: readonly string[], isLenient: boolean): boolean {
    if (name.length > SET_NAME_MAX) {
      throw new IpsetError(`Syntax error: setname '${name}' is longer than 31 characters`, name)
    }
    const wanted = parseCreate(name, words)
    const existing = this.sets.get(name)
    if (existing === undefined) {
      this.sets.set(name, wanted)
      return true
    }
    if (isLenient && existing.type === wanted.type) return true
    throw new IpsetError('Set cannot be created: set with the same name already exists', name)
  }

  private change(name: string, words: readonly string[], isLenient: boolean, adds: boolean) {
    const set = this.set(name)
    const element = argument(words)
    const changed = adds ? set.add(element) : set.delete(element)
    if (changed || isLenient) return true
    const reason = adds
      ? "Element cannot be added to the set: it's already added"
      : "Element cannot be deleted from the set: it's not added"
    throw new IpsetError(reason, element)
  }

  private destroy(set: IpSet): boolean {
    this.checkUnused(set)
    return this.sets.delete(set.name)
  }

  private checkUnused(set: IpSet): void {
    if (this.references(set) === 0) return
    const reason = 'Set cannot be destroyed: it is in use by a kernel component'
    throw new IpsetError(reason, set.name)
  }

  private swap(set: IpSet, otherName: string): boolean {
    const other = this.sets.get(otherName)
    if (other === undefined) {
      throw new IpsetError('Sets cannot be swapped: the second set does not exist', otherName)
    }
    if (other.type !== set.type) {
      throw new IpsetError('The sets cannot be swapped: their type does not match', otherName)
    }
    set.swap(other)
    return true
  }

  private rename(set: IpSet, name: string): boolean {
    if (this.sets.has(name)) {
      throw new IpsetError('Set cannot be renamed: a set with the new name already exists', name)
    }
    if (this.references(set) > 0) {
      throw new IpsetError('Set cannot be renamed: it is in use by a kernel component', set.name)
    }
    this.sets.delete(set.name)
    set.name = name
    this.sets.set(name, set)
    return true
  }

  private set(name: string): IpSet {
    const set = this.sets.get(name)
    if (set === undefined) throw new IpsetError('The set with the given name does not exist', name)
    return set
  }
}

function argument(words: readonly string[]): string {
  const [word, extra] = words
  if (word === undefined) throw new IpsetError('Missing second mandatory argument', '')
  if (extra !== undefined) throw new IpsetError(`Unknown argument ${extra}`, extra)
  return word
}

function parseCreate(name: string, words: readonly string[]): IpSet {
  const [typeName = '', ...options] = words
  const type: SetType | undefined = SET_TYPES.find((one) => one === typeName)
  if (type === undefined) throw new IpsetError(`type "${typeName}" is not modelled`, typeName)
  let hashsize = HASHSIZE_DEFAULT
  let maxelem = MAXELEM_DEFAULT
  for (let i = 0; i < options.length; i += 2) {
    const [option, value = ''] = [options[i]!, options[i + 1]]
    if (option === 'family' && value === 'inet') continue
    const number = /^\d{1,9}$/.test(value) ? Number(value) : 0
    if (number > 0 && option === 'hashsize') hashsize = number
    else if (number > 0 && option === 'maxelem') maxelem = number
    else throw new IpsetError(`Unknown argument ${option} ${value}`, option)
  }
  return new IpSet(name, type, hashsize, maxelem)
}
