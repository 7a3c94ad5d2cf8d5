/** Random requests to the v2 API over few keys, so that they meet each other; wrong ones among them. */
import type { RandomStream } from '../../src/sim/random.ts'
import type { V2Reply } from './etcd-v2.ts'

export interface Operation {
  readonly method: string
  readonly path: string
  readonly body: string | null
  readonly isWatch: boolean
}

/** What the answers have told of the keys, so that some comparisons hold. */
export class Known {
  index = 0
  private readonly files = new Map<string, { value: string; modifiedIndex: number }>()

  learn(reply: V2Reply): void {
    this.index = Math.max(this.index, Number(reply.headers['x-etcd-index'] ?? 0))
    if (reply.status >= 300 || !reply.body.startsWith('{"action"')) return
    const { action, node } = JSON.parse(reply.body) as {
      action: string
      node?: { key?: string; value?: string; modifiedIndex: number }
    }
    if (node?.key === undefined) return
    const { key, value, modifiedIndex } = node
    if (/delete/i.test(action)) this.forget(key)
    if (value !== undefined) this.files.set(key, { value, modifiedIndex })
  }

  private forget(key: string): void {
    for (const file of this.files.keys()) {
      if (file === key || file.startsWith(`${key}/`)) this.files.delete(file)
    }
  }

  get fileKeys(): string[] {
    return [...this.files.keys()]
  }

  file(key: string): { value: string; modifiedIndex: number } | undefined {
    return this.files.get(key)
  }
}

const NAMES = ['a', 'b', 'c', 'ab', '_h', 'k 1', 'é<&', '0']
const VALUES = ['', '1', 'two', 'a b+c', '<é&"\\>', 'line\nbreak\t\u0001\b', '{"json":[1]}', '100%']
/** None ends within a run. */
const TTLS = ['1000', '3600', '86400', '40000000', '7000000000']
/** Beyond 292 years: etcd's time wraps to the past. */
const TTL_WRAPPED = '9223372037'

/** Each a field with a wrong value, or a whole wrong form. */
const WRONG = [
  ...[
    'prevIndex=x',
    'prevIndex=',
    'prevIndex=-1',
    'prevIndex=1.5',
    'prevIndex=18446744073709551616',
  ],
  ...[
    'waitIndex=1x',
    'recursive=maybe',
    'recursive',
    'sorted=yes',
    'wait=2',
    'dir=on',
    'quorum=no',
  ],
  ...['stream=', 'prevValue=', 'prevValue', 'noValueOnSuccess=si', 'ttl=abc', 'ttl=-1', 'ttl=1e3'],
  ...['prevExist=x', 'prevExist=', 'refresh=x', 'refresh=true', 'refresh=true&ttl=100&value=x'],
  ...['value=%zz', 'a;b=c', 'value=%', '%zz=1&a;b', 'ttl=&value=1', 'value=1&value=2', 'wait=true'],
]

const UNCLEAN = ['//a', '/a//b', '/./a', '/a/../b', "/c/'é <(/../b", '/a/b/..']

export class Generator {
  private readonly random: RandomStream
  private readonly known: Known

  constructor(random: RandomStream, known: Known) {
    this.random = random
    this.known = known
  }

  next(): Operation {
    const dice = this.random.next()
    if (dice < 0.32) return this.put()
    if (dice < 0.5) return this.compareAndSwap()
    if (dice < 0.7) return this.read()
    if (dice < 0.83) return this.remove()
    if (dice < 0.88) return this.inOrder()
    if (dice < 0.94) return this.watch()
    return this.wrong()
  }

  private put(): Operation {
    const fields = this.maybe(0.15)
      ? ['dir=true', ...this.ttl(true)]
      : [this.value(), ...this.ttl(true)]
    if (this.maybe(0.1)) return this.write('PUT', this.key(), [this.oneTtl(), 'refresh=true'])
    if (this.maybe(0.25)) fields.push('prevExist=false')
    return this.write('PUT', this.key(), fields)
  }

  private compareAndSwap(): Operation {
    const key = this.file()
    const isRefresh = this.maybe(0.1)
    const value = isRefresh ? ['refresh=true', this.oneTtl()] : [this.value(), ...this.ttl(false)]
    const demands = this.maybe(0.7) ? this.comparison(key) : []
    if (this.maybe(0.5)) demands.push('prevExist=true')
    return this.write('PUT', key, [...value, ...demands])
  }

  private comparison(key: string): string[] {
    const known = this.maybe(0.7) ? this.known.file(key) : undefined
    const value = known?.value || this.pick(VALUES) || 'other'
    const index = known?.modifiedIndex ?? this.random.integer(0, this.known.index + 2)
    const which = this.random.integer(0, 3)
    return [
      ...(which !== 0 ? [`prevIndex=${index}`] : []),
      ...(which < 2 ? [`prevValue=${encodeURIComponent(value)}`] : []),
    ]
  }

  private read(): Operation {
    const flags = ['recursive=true', 'sorted=true', 'quorum=true', 'quorum=false'].filter(() =>
      this.maybe(0.4),
    )
    const method = this.maybe(0.05) ? 'HEAD' : 'GET'
    return this.request(method, this.maybe(0.1) ? '/' : this.key(), flags, null)
  }

  private remove(): Operation {
    if (this.maybe(0.25)) {
      const file = this.file()
      return this.request('DELETE', file, this.comparison(file), null)
    }
    const key = this.maybe(0.02) ? '/' : this.key()
    const flags = ['dir=true', 'recursive=true'].filter(() => this.maybe(0.4))
    return this.request('DELETE', key, flags, null)
  }

  private inOrder(): Operation {
    const content = this.maybe(0.2) ? 'dir=true' : this.value()
    return this.write('POST', this.maybe(0.1) ? '/' : this.key(), [content, ...this.ttl(true)])
  }

  private watch(): Operation {
    const flags = ['recursive=true', 'stream=true'].filter(() => this.maybe(0.5))
    const back = this.random.integer(-3, this.maybe(0.5) ? 20 : 900)
    const since = Math.max(this.known.index - back, 1)
    if (this.maybe(0.6)) flags.push(`waitIndex=${since}`)
    const key = this.maybe(0.2) ? '/' : this.key()
    return { ...this.request('GET', key, ['wait=true', ...flags], null), isWatch: true }
  }

  private wrong(): Operation {
    if (this.maybe(0.1)) return this.request('GET', this.pick(UNCLEAN), ['recursive=true'], null)
    if (this.maybe(0.1)) return this.request(this.pick(['PATCH', 'OPTIONS']), this.key(), [], null)
    const cleared = this.known.index - 1000
    if (cleared > 0 && this.maybe(0.2)) {
      const since = this.random.integer(1, cleared)
      return this.request('GET', this.key(), ['wait=true', `waitIndex=${since}`], null)
    }
    const fault = this.pick(WRONG)
    // A GET that waits would wait; every other fault is answered at once.
    const method = this.pick(
      fault === 'wait=true' ? ['PUT', 'HEAD'] : ['PUT', 'GET', 'POST', 'DELETE'],
    )
    const inBody = method === 'PUT' && this.maybe(0.5)
    const { path } = this.request(method, this.key(), inBody ? [] : [fault], null)
    return { method, path, body: inBody ? fault : null, isWatch: false }
  }

  private ttl(isCreation: boolean): string[] {
    if (!this.maybe(0.2)) return []
    // Only a creation takes a past expiration for none; elsewhere the next SYNC ends the key.
    return isCreation && this.maybe(0.1) ? [`ttl=${TTL_WRAPPED}`] : [this.oneTtl()]
  }

  private oneTtl(): string {
    return `ttl=${this.pick(TTLS)}`
  }

  private value(): string {
    return `value=${encodeURIComponent(this.pick(VALUES)).replaceAll('%20', '+')}`
  }

  /** One to three names deep, unevenly, so that files meet directories; often a file of now. */
  private key(): string {
    const files = this.known.fileKeys
    if (files.length > 0 && this.maybe(0.4)) return this.pick(files)
    const depth = this.pick([1, 1, 2, 2, 2, 3])
    const names = Array.from({ length: depth }, () =>
      this.maybe(0.7) ? this.pick(NAMES.slice(0, 3)) : this.pick(NAMES),
    )
    return `/${names.join('/')}`
  }

  /** Mostly a file. */
  private file(): string {
    const files = this.known.fileKeys
    return files.length > 0 && this.maybe(0.7) ? this.pick(files) : this.key()
  }

  /** Fields go into the body or the query, as clients do both. */
  private write(method: string, key: string, fields: string[]): Operation {
    if (this.maybe(0.1)) fields.push('noValueOnSuccess=true')
    const inBody = fields.filter(() => this.maybe(0.8))
    const inQuery = fields.filter((field) => !inBody.includes(field))
    return this.request(method, key, inQuery, inBody.join('&'))
  }

  private request(method: string, key: string, query: string[], body: string | null): Operation {
    const slash = this.maybe(0.1) && key !== '/' && !key.endsWith('.') ? '/' : ''
    const escaped = key.split('/').map(encodeURIComponent).join('/')
    const path = `/v2/keys${escaped}${slash}${query.length === 0 ? '' : `?${query.join('&')}`}`
    return { method, path, body, isWatch: false }
  }

  private maybe(chance: number): boolean {
    return this.random.next() < chance
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.integer(0, from.length - 1)]!
  }
}
