import { beforeEach, describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { bytesOf, textOf } from '../../http/text.ts'
import { encodeReply } from './answer.ts'
import type { AgentIdentity, ConsulReply, HttpAnswer } from './call.ts'
import { decodeRequest } from './request.ts'
import { ConsulService } from './service.ts'

const AGENT: AgentIdentity = { node: 'h1', datacenter: 'dc1', version: '1.8' }

/** One server without raft: what is admitted is applied at once. */
class Server {
  now = 0
  index = 10
  readonly agent: AgentIdentity
  readonly service: ConsulService

  constructor(agent: AgentIdentity) {
    this.agent = agent
    this.service = new ConsulService({
      now: () => this.now,
      random: new RandomStreams('consul').stream('sessions'),
      version: agent.version,
    })
    this.service.lead(10)
    this.service.apply(register('passing'), ++this.index)
  }

  ask(method: string, target: string, body: string | Uint8Array = ''): HttpAnswer {
    const bytes = typeof body === 'string' ? bytesOf(body) : body
    const decoded = decodeRequest({ method, target, body: bytes }, this.agent)
    if ('answer' in decoded) return decoded.answer
    return encodeReply(decoded.shape, this.reply(decoded.call), this.agent)
  }

  text(method: string, target: string, body: string | Uint8Array = ''): string {
    const { status, body: bytes } = this.ask(method, target, body)
    return `${status} ${textOf(bytes)}`
  }

  session(body = ''): string {
    const { body: bytes } = this.ask('PUT', '/v1/session/create', body)
    return (JSON.parse(textOf(bytes)) as { ID: string }).ID
  }

  /** What the leader does by itself once `duration` has passed. */
  pass(duration: number): string[] {
    this.now += duration
    return this.service.due().map((command) => {
      this.service.apply(command, ++this.index)
      return command.type
    })
  }

  private reply(
    call: Extract<ReturnType<typeof decodeRequest>, { call: unknown }>['call'],
  ): ConsulReply {
    switch (call.kind) {
      case 'apply': {
        const admitted = this.service.admit(call.command)
        if ('result' in admitted) return { kind: 'result', result: admitted.result }
        return { kind: 'result', result: this.service.apply(admitted.propose, ++this.index) }
      }
      case 'read': {
        const answer = this.service.read(call.query)
        return { kind: 'answer', answer, knownLeader: true, lastContact: 0 }
      }
      case 'renew':
        return { kind: 'renewed', sessions: this.service.renew(call.session) }
      case 'status':
        return call.what === 'leader'
          ? { kind: 'leader', address: '10.0.0.1:8300' }
          : { kind: 'peers', addresses: ['10.0.0.1:8300', '10.0.0.2:8300'] }
    }
  }
}

function register(status: string) {
  return {
    type: 'register',
    node: 'h1',
    address: '10.0.0.1',
    checks: [{ check: 'serfHealth', name: 'Serf Health Status', status, output: '' }],
  } as const
}

let server: Server
beforeEach(() => {
  server = new Server(AGENT)
})

describe('keys over HTTP', () => {
  it('writes fields in the order and form of the real ones', () => {
    expect(server.text('PUT', '/v1/kv/a/b?flags=3304740253564472344', 'bar')).toBe('200 true')
    expect(server.text('GET', '/v1/kv/a/b')).toBe(
      '200 [{"LockIndex":0,"Key":"a/b","Flags":3304740253564472344,"Value":"YmFy",' +
        '"CreateIndex":12,"ModifyIndex":12}]',
    )
    expect(server.ask('GET', '/v1/kv/a/b').headers).toEqual([
      ['Content-Type', 'application/json'],
      ['Vary', 'Accept-Encoding'],
      ['X-Consul-Index', '12'],
      ['X-Consul-Knownleader', 'true'],
      ['X-Consul-Lastcontact', '0'],
    ])
  })

  it('answers a missing key with 404, no body and the index of the table', () => {
    server.ask('PUT', '/v1/kv/other', 'x')
    const answer = server.ask('GET', '/v1/kv/missing')
    expect([answer.status, answer.body.length]).toEqual([404, 0])
    expect(answer.headers).toContainEqual(['X-Consul-Index', '12'])
    expect(answer.headers.map(([name]) => name)).not.toContain('Content-Type')
  })

  it('gives raw bytes, an empty value as null, and escapes what HTML would read', () => {
    const bytes = Uint8Array.from([0, 255, 13, 10])
    server.ask('PUT', '/v1/kv/raw', bytes)
    expect([...server.ask('GET', '/v1/kv/raw?raw').body]).toEqual([0, 255, 13, 10])
    server.ask('PUT', '/v1/kv/%3Cempty%3E')
    expect(server.text('GET', '/v1/kv/%3Cempty%3E')).toContain(
      '"Key":"\\u003cempty\\u003e","Flags":0,"Value":null',
    )
  })

  it('lists by prefix, and keys up to a separator', () => {
    for (const key of ['a/1', 'a/2/x', 'a/2/y', 'b', 'a']) server.ask('PUT', `/v1/kv/${key}`, key)
    const listed = JSON.parse(server.text('GET', '/v1/kv/a/?recurse').slice(4))
    expect(listed.map((each: { Key: string }) => each.Key)).toEqual(['a/1', 'a/2/x', 'a/2/y'])
    expect(server.text('GET', '/v1/kv/?keys&separator=/')).toBe('200 ["a","a/","b"]')
    expect(server.text('GET', '/v1/kv/a/?keys&seperator=/')).toBe('200 ["a/1","a/2/"]')
    expect(server.text('GET', '/v1/kv/none?keys')).toBe('404 ')
    expect(server.text('DELETE', '/v1/kv/?recurse')).toBe('200 true')
    expect(server.text('GET', '/v1/kv/?keys')).toBe('200 []')
    expect(server.text('GET', '/v1/kv/?recurse')).toBe('404 ')
  })

  it('compares and sets, and says false with status 200', () => {
    expect(server.text('PUT', '/v1/kv/k?cas=0', 'one')).toBe('200 true')
    expect(server.text('PUT', '/v1/kv/k?cas=0', 'two')).toBe('200 false')
    expect(server.text('PUT', '/v1/kv/k?cas=12', 'two')).toBe('200 true')
    expect(server.text('DELETE', '/v1/kv/k?cas=12')).toBe('200 false')
    expect(server.text('DELETE', '/v1/kv/k?cas=14')).toBe('200 true')
    expect(server.text('PUT', '/v1/kv/k?cas=14', 'late')).toBe('200 false')
  })

  it.each([
    ['GET', '/v1/kv/', '400 Missing key name'],
    ['PUT', '/v1/kv/', '400 Missing key name'],
    ['PUT', '/v1/kv/k?cas=0&acquire=x', '400 Conflicting flags: acquire=x&cas=0'],
    ['DELETE', '/v1/kv/k?recurse&cas=1', '400 Conflicting flags: cas=1&recurse='],
    ['PUT', '/v1/kv/k?cas=-1', '500 strconv.ParseUint: parsing "-1": invalid syntax'],
    [
      'PUT',
      '/v1/kv/k?flags=18446744073709551616',
      '500 strconv.ParseUint: parsing "18446744073709551616": value out of range',
    ],
    ['GET', '/v1/kv/k?wait=soon', '400 Invalid wait time'],
    ['GET', '/v1/kv/k?index=x', '400 Invalid index'],
    [
      'GET',
      '/v1/kv/k?stale&consistent',
      '400 Cannot specify ?stale with ?consistent, conflicting semantics.',
    ],
    ['GET', '/v1/kv/%zz', '400 400 Bad Request'],
    ['POST', '/v1/kv/k', '405 method POST not allowed'],
    ['GET', '/v1/session/create', '405 method GET not allowed'],
    ['GET', '/v2/keys', '404 '],
    ['PUT', '/v1/kv/k?acquire=nobody', '500 invalid session "nobody"'],
    ['PUT', '/v1/kv/k?acquire=', '500 missing session'],
    ['PUT', '/v1/session/destroy/', '400 Missing session'],
    ['PUT', '/v1/session/renew/gone', "404 Session id 'gone' not found"],
    ['GET', '/v1/session/node/', '400 Missing node name'],
    ['GET', '/v1/status/leader', '200 "10.0.0.1:8300"'],
    ['GET', '/v1/status/peers', '200 ["10.0.0.1:8300","10.0.0.2:8300"]'],
  ])('%s %s gives %s', (method, target, expected) => {
    expect(server.text(method, target)).toBe(expected)
  })

  it('takes 512 KiB and not a byte more', () => {
    expect(server.text('PUT', '/v1/kv/k', new Uint8Array(512 * 1024))).toBe('200 true')
    expect(server.text('PUT', '/v1/kv/k', new Uint8Array(512 * 1024 + 1))).toMatch(
      /^413 Request body\(524289 bytes\) too large, max size: 524288 bytes\./,
    )
    const old = new Server({ ...AGENT, version: '1.2' })
    expect(old.text('PUT', '/v1/kv/k', new Uint8Array(512 * 1024 + 1))).toBe(
      '413 Value exceeds 524288 byte limit',
    )
  })

  it('decodes consistency, index and wait', () => {
    const decode = (target: string) =>
      decodeRequest({ method: 'GET', target, body: bytesOf('') }, AGENT)
    expect(decode('/v1/kv/a%20b?consistent&index=7&wait=1m30s')).toMatchObject({
      call: { query: { key: 'a b' }, consistency: 'consistent', index: 7, wait: 90 * SECOND },
    })
    expect(decode('/v1/kv/a?stale')).toMatchObject({ call: { consistency: 'stale', index: 0 } })
    expect(decode('/v1/kv/a?max_stale=1s')).toMatchObject({ call: { consistency: 'stale' } })
    expect(decode('/v1/kv/a?recurse')).toMatchObject({
      call: { query: { read: 'list', prefix: 'a' }, consistency: 'default' },
    })
  })

  it('gives the text of a failure with status 500, and how long ago the leader was heard', () => {
    const failed = encodeReply({ as: 'true' }, { kind: 'error', text: 'No cluster leader' }, AGENT)
    expect([failed.status, textOf(failed.body)]).toEqual([500, 'No cluster leader'])
    const answer = server.service.read({ read: 'get', key: 'k' })
    const reply = {
      kind: 'answer',
      answer,
      knownLeader: false,
      lastContact: 1234.9 * MILLISECOND,
    } as const
    expect(encodeReply({ as: 'entries' }, reply, AGENT).headers.slice(-2)).toEqual([
      ['X-Consul-Knownleader', 'false'],
      ['X-Consul-Lastcontact', '1234'],
    ])
  })
})

describe('transactions over HTTP', () => {
  const put = (operations: unknown) => server.text('PUT', '/v1/txn', JSON.stringify(operations))

  it('applies all and tells what each left, values of reads only', () => {
    const set = { KV: { Verb: 'set', Key: 'a', Value: 'eA==', Flags: 7 } }
    expect(put([set, { kv: { verb: 'get', key: 'a' } }])).toBe(
      '200 {"Results":[' +
        '{"KV":{"LockIndex":0,"Key":"a","Flags":7,"Value":null,"CreateIndex":12,"ModifyIndex":12}},' +
        '{"KV":{"LockIndex":0,"Key":"a","Flags":7,"Value":"eA==","CreateIndex":12,"ModifyIndex":12}}' +
        '],"Errors":null}',
    )
    expect(put([{ KV: { Verb: 'get-tree', Key: '' } }])).toContain('Must provide key')
    expect(put([{ KV: { Verb: 'check-index', Key: 'a', Index: 12 } }])).toBe(
      '200 {"Results":[{"KV":{"LockIndex":0,"Key":"a","Flags":7,"Value":null,' +
        '"CreateIndex":12,"ModifyIndex":12}}],"Errors":null,' +
        '"Index":0,"LastContact":0,"KnownLeader":true,"ConsistencyLevel":""}',
    )
  })

  it('takes everything back when one fails, and names every failure', () => {
    const operations = [
      { KV: { Verb: 'set', Key: 'a', Value: 'eA==' } },
      { KV: { Verb: 'get', Key: 'none' } },
      { KV: { Verb: 'cas', Key: 'a', Index: 99 } },
      { KV: { Verb: 'jump', Key: 'a' } },
    ]
    expect(put(operations)).toBe(
      '409 {"Results":null,"Errors":[' +
        '{"OpIndex":1,"What":"key \\"none\\" doesn\'t exist"},' +
        '{"OpIndex":2,"What":"failed to set key \\"a\\", index is stale"},' +
        '{"OpIndex":3,"What":"unknown KV verb \\"jump\\""}]}',
    )
    expect(server.text('GET', '/v1/kv/a')).toBe('404 ')
  })

  it('keeps all bits of flags', () => {
    const text = '[{"KV":{"Verb":"set","Key":"a","Flags":18446744073709551615}}]'
    expect(server.text('PUT', '/v1/txn', text)).toContain('"Flags":18446744073709551615')
  })

  it('refuses more than 64 operations and more than 512 KiB', () => {
    const many = Array.from({ length: 65 }, () => ({ KV: { Verb: 'set', Key: 'a' } }))
    expect(put(many)).toBe('413 Transaction contains too many operations (65 > 64)')
    expect(put(many.slice(1))).toMatch(/^200 /)
    const Value = Buffer.alloc(300 * 1024).toString('base64')
    const large = { KV: { Verb: 'set', Key: 'a', Value } }
    expect(put([large, large])).toBe(
      '413 Cumulative size of key data is too large (614400 > 524288 bytes)',
    )
    expect(put([{ KV: { Verb: 'set', Key: 'a', Value: '?' } }])).toMatch(/^400 Failed to parse/)
    expect(server.text('PUT', '/v1/txn', '')).toBe('400 Failed to parse body: EOF')
  })
})

describe('sessions over HTTP', () => {
  it('creates with the defaults of an agent and shows the fields of the version', () => {
    const id = server.session()
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(server.text('GET', `/v1/session/info/${id}`)).toBe(
      `200 [{"ID":"${id}","Name":"","Node":"h1","LockDelay":15000000000,"Behavior":"release",` +
        '"TTL":"","NodeChecks":["serfHealth"],"ServiceChecks":null,' +
        '"CreateIndex":12,"ModifyIndex":12}]',
    )
    const old = new Server({ ...AGENT, version: '1.2' })
    const oldId = old.session('{"LockDelay":"1ms","TTL":"10s","Behavior":"delete","Checks":[]}')
    expect(old.text('GET', '/v1/session/list')).toBe(
      `200 [{"ID":"${oldId}","Name":"","Node":"h1","Checks":[],"LockDelay":1000000,` +
        '"Behavior":"delete","TTL":"10s","CreateIndex":12,"ModifyIndex":12}]',
    )
  })

  it.each([
    ['{"TTL":"9s"}', "500 Invalid Session TTL '9000000000', must be between [10s=24h0m0s]"],
    ['{"TTL":"24h1s"}', "500 Invalid Session TTL '86401000000000', must be between [10s=24h0m0s]"],
    ['{"TTL":"soon"}', "500 Session TTL 'soon' invalid: time: invalid duration soon"],
    ['{"Behavior":"keep"}', "500 Invalid Behavior setting 'keep'"],
    ['{"Node":"h9"}', '500 Missing node registration'],
    ['{"NodeChecks":["web"]}', "500 Missing check 'web' registration"],
    ['{"LockDelay":"soon"}', '400 Request decode failed: time: invalid duration soon'],
    ['{', '400 Request decode failed: invalid JSON'],
    ['[]', '400 Request decode failed: expected an object'],
    ['{"TTL":10}', "400 Request decode failed: 'TTL' expected type 'string'"],
  ])('refuses %s', (body, expected) => {
    expect(server.text('PUT', '/v1/session/create', body)).toBe(expected)
  })

  it('reads a small lock-delay as seconds', () => {
    const id = server.session('{"LockDelay":5}')
    expect(server.text('GET', `/v1/session/info/${id}`)).toContain('"LockDelay":5000000000')
  })

  it('expires after twice its TTL unless it is renewed, and a new leader starts all anew', () => {
    const id = server.session('{"TTL":"10s","Behavior":"delete"}')
    server.ask('PUT', `/v1/kv/me?acquire=${id}`, 'here')
    expect(server.pass(19 * SECOND)).toEqual([])
    expect(server.text('PUT', `/v1/session/renew/${id}`)).toContain(id)
    expect(server.service.nextDueAt()).toBe(20 * SECOND)
    expect(server.pass(19 * SECOND)).toEqual([])
    expect(server.service.nextDueAt()).toBe(39 * SECOND)
    server.service.stepDown()
    expect(server.service.nextDueAt()).toBe(Number.POSITIVE_INFINITY)
    server.service.lead(server.index)
    expect(server.pass(19 * SECOND)).toEqual([])
    expect(server.text('GET', '/v1/kv/me')).toMatch(/^200 .*"Session":/)
    expect(server.pass(SECOND)).toEqual(['session-destroy'])
    expect(server.text('GET', '/v1/kv/me')).toBe('404 ')
    expect(server.text('GET', `/v1/session/info/${id}`)).toBe('200 []')
  })

  it('keeps a lost lock closed for the lock-delay, in transactions too', () => {
    const [first, second] = [server.session(), server.session('{"Name":"second"}')]
    expect(server.text('PUT', `/v1/kv/k?acquire=${first}`)).toBe('200 true')
    expect(server.text('PUT', `/v1/kv/k?acquire=${second}`)).toBe('200 false')
    expect(server.text('PUT', `/v1/kv/k?release=${second}`)).toBe('200 false')
    expect(server.text('PUT', `/v1/session/destroy/${first}`)).toBe('200 true')
    server.now += 14.9 * SECOND
    expect(server.text('PUT', `/v1/kv/k?acquire=${second}`)).toBe('200 false')
    const lock = JSON.stringify([{ KV: { Verb: 'lock', Key: 'k', Session: second } }])
    expect(server.text('PUT', '/v1/txn', lock)).toContain(
      'failed to lock key \\"k\\" due to lock delay',
    )
    server.now += 0.1 * SECOND
    expect(server.text('PUT', `/v1/kv/k?acquire=${second}`)).toBe('200 true')
    expect(server.text('GET', '/v1/kv/k')).toContain('"LockIndex":2')
  })

  it('reaps tombstones in bins of half a minute, 15 minutes after they were made', () => {
    server.ask('PUT', '/v1/kv/a', 'x')
    server.ask('DELETE', '/v1/kv/a')
    // The bin of 0 s ends at 930 s: the time to live and the rest of its half minute.
    expect(server.pass(929 * SECOND)).toEqual([])
    expect(server.service.store.snapshot().tombstones).toEqual([['a', 13]])
    expect(server.pass(SECOND)).toEqual(['reap-tombstones'])
    expect(server.service.store.snapshot().tombstones).toEqual([])
  })
})

describe('the catalog over HTTP', () => {
  it('registers nodes and checks, lists and removes them', () => {
    const body =
      '{"Node":"h2","Address":"10.0.0.2","Check":{"Name":"web","Status":"warning","Output":"slow"}}'
    expect(server.text('PUT', '/v1/catalog/register', body)).toBe('200 true')
    expect(server.text('GET', '/v1/catalog/nodes')).toBe(
      '200 [{"ID":"","Node":"h1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":null,' +
        '"Meta":null,"CreateIndex":11,"ModifyIndex":11},' +
        '{"ID":"","Node":"h2","Address":"10.0.0.2","Datacenter":"dc1","TaggedAddresses":null,' +
        '"Meta":null,"CreateIndex":12,"ModifyIndex":12}]',
    )
    expect(server.text('GET', '/v1/health/node/h2')).toBe(
      '200 [{"Node":"h2","CheckID":"web","Name":"web","Status":"warning","Notes":"",' +
        '"Output":"slow","ServiceID":"","ServiceName":"","ServiceTags":[],"Type":"",' +
        '"Definition":{},"CreateIndex":12,"ModifyIndex":12}]',
    )
    expect(server.ask('GET', '/v1/catalog/nodes?consistent').headers).toContainEqual([
      'X-Consul-Effective-Consistency',
      'consistent',
    ])
    expect(server.text('PUT', '/v1/catalog/deregister', '{"Node":"h2"}')).toBe('200 true')
    expect(server.text('GET', '/v1/health/node/h2')).toBe('200 []')
  })

  it.each([
    ['register', '{"Address":"10.0.0.2"}', '500 Must provide node'],
    ['register', '{"Node":"h2"}', '500 Must provide address if SkipNodeUpdate is not set'],
    ['register', '{"Node":"h2","Service":{}}', '400 Request decode failed: no services modelled'],
    ['register', '', '400 Request decode failed: EOF'],
    ['deregister', '{}', '500 Must provide node'],
    [
      'deregister',
      '{"Node":"h1","ServiceID":"web"}',
      '400 Request decode failed: no services modelled',
    ],
  ])('%s %s gives %s', (what, body, expected) => {
    expect(server.text('PUT', `/v1/catalog/${what}`, body)).toBe(expected)
  })
})
