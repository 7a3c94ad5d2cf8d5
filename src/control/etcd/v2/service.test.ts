import { describe, expect, it } from 'vitest'
import { applyV2, clusterVersionSet, memberCreated, memberPublished } from './command.ts'
import type { HttpRequest, V2Answer } from './http.ts'
import { V2_TIMED_OUT, V2Service, type V2Work } from './service.ts'
import { V2Store } from './store.ts'

const FORM = 'application/x-www-form-urlencoded'
const CONTEXT = { now: 0, raftIndex: 7, raftTerm: 2, leader: 'a1' }

class Bench {
  readonly store = new V2Store()
  readonly service = new V2Service(this.store, 'cdf818194e3a8c32')

  decode(method: string, target: string, body = '', contentType = FORM): V2Work {
    const request: HttpRequest = { method, target, contentType, body }
    return this.service.decode(request, CONTEXT)
  }

  answer(method: string, target: string, body?: string, contentType?: string): V2Answer {
    const work = this.decode(method, target, body, contentType)
    if (work.kind === 'answer') return work.answer
    if (work.kind === 'read') return this.service.read(work, CONTEXT)
    if (work.kind === 'watch') throw new Error('would wait')
    return this.service.applied(work, applyV2(this.store, work.command, CONTEXT.now), CONTEXT)
  }
}

describe('decode', () => {
  it('tells local reads from entries of the log and from watches', () => {
    const bench = new Bench()
    const kind = (method: string, target: string) => bench.decode(method, target).kind
    expect(kind('GET', '/v2/keys/a')).toBe('read')
    expect(kind('HEAD', '/v2/keys/a?quorum=true')).toBe('read')
    expect(kind('GET', '/v2/keys/a?quorum=true')).toBe('propose')
    expect(kind('GET', '/v2/keys/a?wait=true')).toBe('watch')
    expect(kind('GET', '/v2/keys/a?wait=true&quorum=true')).toBe('propose')
    expect(kind('POST', '/v2/keys/a')).toBe('propose')
    expect(kind('GET', '/health')).toBe('health')
    expect(kind('GET', '/v2/members')).toBe('answer')
  })

  it('puts into a command what it says, and the time at which it ends', () => {
    const work = new Bench().decode('PUT', '/v2/keys/a/b/?prevIndex=3', 'value=x+y&ttl=2')
    expect(work).toMatchObject({
      command: { method: 'PUT', path: '/1/a/b', val: 'x y', prevIndex: 3, expiration: 2e12 },
    })
    expect(Object.keys((work as { command: object }).command)).toHaveLength(5)
  })

  it('reads a GET that comes again once, and what depends on the clock or the store each time', () => {
    const bench = new Bench()
    const list = '/v2/keys/nodes?quorum=true&recursive=true&sorted=true'
    expect(bench.decode('GET', list)).toBe(bench.decode('GET', list))
    expect(bench.decode('HEAD', list)).toMatchObject({ kind: 'read' })
    const put = (now: number) =>
      bench.service.decode(
        { method: 'PUT', target: '/v2/keys/a', contentType: FORM, body: 'value=b&ttl=2' },
        { ...CONTEXT, now },
      )
    expect(put(0)).toMatchObject({ command: { expiration: 2e12 } })
    expect(put(5e12)).toMatchObject({ command: { expiration: 7e12 } })
    const members = () => bench.answer('GET', '/v2/members').body
    expect(members()).toBe('{"members":[]}\n')
    applyV2(bench.store, memberCreated('a1', ['http://10.0.0.1:2380']), 0)
    expect(members()).toContain('"id":"a1"')
  })

  it('takes the body for a form only where it is one', () => {
    const command = (...args: [string, string, string, string?]) => {
      const work = new Bench().decode(...args)
      return work.kind === 'propose' ? work.command : work
    }
    const path = '/v2/keys/a'
    const withVal = { method: 'PUT', path: '/1/a', val: 'b' }
    const without = { method: 'PUT', path: '/1/a' }
    expect(command('PUT', path, 'value=b', `${FORM.toUpperCase()}; charset=utf-8`)).toEqual(withVal)
    expect(command('PUT', path, 'value=b', 'text/plain')).toEqual(without)
    expect(command('DELETE', path, 'recursive=true')).toEqual({ ...without, method: 'DELETE' })
    // The body's value comes before the query's.
    expect(command('PUT', `${path}?value=q`, 'value=b')).toEqual(withVal)
  })

  it('knows the paths of its own', () => {
    const { service } = new Bench()
    const own = ['/v2/keys/a', '/version', '/health?exclude=NOSPACE', '/v2/members']
    const others = ['/v3/kv/put', '/versions', '/', '/metrics', '/v2']
    expect(own.filter((path) => !service.serves(path))).toEqual([])
    expect(others.filter((path) => service.serves(path))).toEqual([])
  })
})

describe('answers', () => {
  it('carry the headers of Go and etcd, and a line of JSON', () => {
    const { status, headers, body } = new Bench().answer('PUT', '/v2/keys/a', 'value=%3C1%3E')
    expect(status).toBe(201)
    expect(headers.slice(3)).toEqual([
      ['Content-Type', 'application/json'],
      ['X-Etcd-Cluster-Id', 'cdf818194e3a8c32'],
      ['X-Etcd-Index', '1'],
      ['X-Raft-Index', '7'],
      ['X-Raft-Term', '2'],
    ])
    const node = '{"key":"/a","value":"\\u003c1\\u003e","modifiedIndex":1,"createdIndex":1}'
    expect(body).toBe(`{"action":"set","node":${node}}\n`)
  })

  it('show expiration and ttl between dir and nodes', () => {
    const bench = new Bench()
    bench.answer('PUT', '/v2/keys/d', 'dir=true&ttl=60')
    bench.answer('PUT', '/v2/keys/d/a', 'value=')
    const child = '{"key":"/d/a","value":"","modifiedIndex":2,"createdIndex":2}'
    const time = '"expiration":"2024-01-01T00:01:00Z","ttl":60'
    const dir = `{"key":"/d","dir":true,${time},"nodes":[${child}],"modifiedIndex":1,"createdIndex":1}`
    expect(bench.answer('GET', '/v2/keys/d').body).toBe(`{"action":"get","node":${dir}}\n`)
  })

  it('word a proposal that raft did not commit', () => {
    const bench = new Bench()
    const work = bench.decode('PUT', '/v2/keys/a', 'value=1')
    if (work.kind !== 'propose') throw new Error(work.kind)
    const { status, headers, body } = bench.service.failed(work, V2_TIMED_OUT)
    expect([status, headers.at(-1)]).toEqual([500, ['X-Etcd-Index', '0']])
    expect(JSON.parse(body)).toEqual({
      errorCode: 300,
      message: 'Raft Internal Error',
      cause: 'etcdserver: request timed out',
      index: 0,
    })
  })

  it('say that a member without a leader, or whose entry is not committed, is not healthy', () => {
    const bench = new Bench()
    const request = { method: 'GET', target: '/health', body: '' }
    const alone = bench.service.decode(request, { ...CONTEXT, leader: null })
    expect(alone).toMatchObject({ kind: 'answer', answer: { status: 503 } })
    const work = bench.decode('GET', '/health')
    if (work.kind !== 'health') throw new Error(work.kind)
    expect(bench.service.failed(work, V2_TIMED_OUT).body).toBe('{"health":"false"}\n')
  })

  it('name the members by number, with what each has published', () => {
    const { store, service } = new Bench()
    const list = (leader: string | null, path: string) => {
      const request = { method: 'GET', target: path, body: '' }
      const work = service.decode(request, { ...CONTEXT, leader })
      return work.kind === 'answer' ? work.answer : null
    }
    expect(list(null, '/version')?.body).toContain('"etcdcluster":"not_decided"')
    for (const id of ['f0', 'a1', '1ff']) applyV2(store, memberCreated(id, [`http://${id}`]), 0)
    applyV2(store, memberPublished('a1', 'm1', ['http://c']), 0)
    applyV2(store, clusterVersionSet('3.4.0'), 0)
    const a1 = '{"id":"a1","name":"m1","peerURLs":["http://a1"],"clientURLs":["http://c"]}'
    const bare = (id: string) =>
      `{"id":"${id}","name":"","peerURLs":["http://${id}"],"clientURLs":[]}`
    const all = `{"members":[${a1},${bare('f0')},${bare('1ff')}]}\n`
    expect(list('a1', '/v2/members')?.body).toBe(all)
    expect(list('a1', '/v2/members/leader')?.body).toBe(`${a1}\n`)
    expect(list(null, '/v2/members/leader')).toMatchObject({ status: 503 })
    expect(list('a1', '/version')?.body).toContain('"etcdcluster":"3.4.0"')
    expect(store.index).toBe(5)
  })
})

describe('watch', () => {
  function open(bench: Bench, target: string) {
    const work = bench.decode('GET', target)
    if (work.kind !== 'watch') throw new Error(work.kind)
    const lines: string[] = []
    const watching = bench.service.watch(work, CONTEXT, (line) => lines.push(line) > 0)
    return { watching, lines }
  }

  it('sends its head at once and a line when something happens', () => {
    const bench = new Bench()
    bench.answer('PUT', '/v2/keys/a', 'value=1')
    const { watching, lines } = open(bench, '/v2/keys/a?wait=true')
    expect(watching).toMatchObject({ first: null, stream: false, head: { status: 200, body: '' } })
    const put = bench.answer('PUT', '/v2/keys/a', 'value=2')
    bench.answer('PUT', '/v2/keys/a', 'value=3')
    expect(lines).toEqual([put.body])
  })

  it('has the event of a past index ready, under the index of today', () => {
    const bench = new Bench()
    const first = bench.answer('PUT', '/v2/keys/a', 'value=1')
    bench.answer('PUT', '/v2/keys/b', 'value=2')
    const { watching, lines } = open(bench, '/v2/keys/a?wait=true&waitIndex=1')
    if (!('head' in watching)) throw new Error('refused')
    expect(watching.first).toBe(first.body)
    expect(watching.head.headers).toContainEqual(['X-Etcd-Index', '2'])
    expect(lines).toEqual([])
  })
})
