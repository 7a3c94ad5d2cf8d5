import type { Process } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import type { Disk } from '../cluster/disk.ts'
import type { Exchange, HttpRequest } from '../http/exchange.ts'
import { serveHttp } from '../http/server.ts'
import { Condition } from '../program/condition.ts'
import { Deferred } from '../program/deferred.ts'
import type { Program } from '../program/program.ts'
import {
  failure,
  mergePatch,
  type NodeEvent,
  type NodeEventType,
  type NodeRecord,
  parseJson,
  type StatusRecord,
  timestamp,
} from './node.ts'
import { NodeTable } from './node-table.ts'

export const API_PORT = 6443

const NODES = '/api/v1/nodes'
const JSON_TYPE = [['Content-Type', 'application/json']] as const
/** How long a watch lasts that does not say (min-request-timeout). */
const WATCH_DEFAULT = 1800 * SECOND

/**
 * kube-apiserver with nodes only: list, watch, get, create, patch, delete, as JSON over plain HTTP.
 * What its etcd keeps is on the member's disk, one entry a change.
 */
export class ApiServer {
  readonly program: Program
  readonly table: NodeTable
  private readonly disk: Disk
  private readonly free: Condition
  private isWriting = false
  private writes = 0

  constructor(program: Program, disk: Disk) {
    this.program = program
    this.disk = disk
    this.free = new Condition(program)
    const { entries } = disk.open(program)
    this.table = new NodeTable(entries.map(({ data }) => data as NodeEvent))
    serveHttp(program, API_PORT, (request, exchange) => this.serve(request, exchange))
  }

  private *serve(request: HttpRequest, exchange: Exchange): Process {
    const [path = '', query = ''] = request.target.split('?')
    const parameters = new URLSearchParams(query)
    if (path === NODES) yield* this.serveAll(request, exchange, parameters)
    else if (path.startsWith(`${NODES}/`)) {
      const name = path.slice(NODES.length + 1).replace(/\/status$/, '')
      yield* this.serveOne(request, exchange, decodeURIComponent(name))
    } else yield* answer(exchange, failure(404, 'NotFound', 'the server could not find it'))
  }

  private *serveAll(
    request: HttpRequest,
    exchange: Exchange,
    parameters: URLSearchParams,
  ): Process {
    if (request.method === 'POST') yield* answer(exchange, yield* this.create(request), 201)
    else if (request.method !== 'GET') yield* answer(exchange, notAllowed)
    else if (parameters.get('watch') === 'true') yield* this.watch(exchange, parameters)
    else {
      const { revision } = this.table
      const metadata = { resourceVersion: String(revision) }
      const items = this.table.list()
      yield* answer(exchange, { kind: 'NodeList', apiVersion: 'v1', metadata, items })
    }
  }

  private *serveOne(request: HttpRequest, exchange: Exchange, name: string): Process {
    switch (request.method) {
      case 'GET':
        return yield* answer(exchange, this.table.get(name) ?? notFound(name))
      case 'PATCH':
        return yield* answer(exchange, yield* this.patch(request, name))
      case 'DELETE':
        return yield* answer(exchange, yield* this.change('DELETED', name, (node) => node))
      default:
        return yield* answer(exchange, notAllowed)
    }
  }

  private *create({ text }: HttpRequest): Process<NodeRecord | StatusRecord> {
    const given = parseJson(text) as Partial<NodeRecord> | null
    const name = given?.metadata?.name
    if (typeof name !== 'string' || name === '') return failure(400, 'BadRequest', 'no name')
    return yield* this.change('ADDED', name, (existing) => {
      if (existing !== null) {
        return failure(409, 'AlreadyExists', `nodes "${name}" already exists`)
      }
      const creationTimestamp = timestamp(this.program)
      const metadata = { ...given!.metadata, name, creationTimestamp }
      const { spec = {}, status = {} } = given!
      return { kind: 'Node', apiVersion: 'v1', metadata, spec, status }
    })
  }

  private *patch({ text }: HttpRequest, name: string): Process<NodeRecord | StatusRecord> {
    const patch = parseJson(text)
    if (patch === null) return failure(400, 'BadRequest', 'the patch is no JSON object')
    return yield* this.change('MODIFIED', name, (node) =>
      node === null ? null : (mergePatch(node, patch) as NodeRecord),
    )
  }

  /** One change after the other. @param next of the record that is there; null = there is none. */
  private *change(
    type: NodeEventType,
    name: string,
    next: (node: NodeRecord | null) => NodeRecord | StatusRecord | null,
  ): Process<NodeRecord | StatusRecord> {
    while (this.isWriting) yield* this.free.wait()
    const node = next(this.table.get(name) ?? null) ?? notFound(name)
    if (node.kind === 'Status') return node
    this.isWriting = true
    const resourceVersion = String(this.table.revision + 1)
    const object = { ...node, metadata: { ...node.metadata, name, resourceVersion } }
    const event = { type, object }
    yield* this.flush(event)
    this.table.apply(event)
    this.isWriting = false
    this.free.notify()
    return object
  }

  private *flush(event: NodeEvent): Process {
    const done = new Deferred<true>(this.program)
    const index = this.table.revision
    const entries = [{ index, term: 1, data: event }]
    const write = { id: ++this.writes, hardState: null, snapshot: null, entries, sync: true }
    this.disk.write(write, () => done.settle(true))
    yield* done.wait()
  }

  /** A line of JSON for each change, until the client goes or the time is over. */
  private *watch(exchange: Exchange, parameters: URLSearchParams): Process {
    const { program, table } = this
    const seconds = Number(parameters.get('timeoutSeconds') ?? 0)
    const deadline = program.now + (seconds > 0 ? seconds * SECOND : WATCH_DEFAULT)
    let revision = Number(parameters.get('resourceVersion') ?? 0)
    const changed = new Condition(program)
    exchange.whenGone(() => changed.notify())
    const stop = table.onChange(() => changed.notify())
    try {
      yield* exchange.begin(200, JSON_TYPE)
      while (!exchange.isGone && program.now < deadline) {
        const changes = table.changesAfter(revision)
        if ('code' in changes) {
          yield* exchange.chunk(`${JSON.stringify({ type: 'ERROR', object: changes })}\n`)
          return
        }
        revision = table.revision
        const lines = changes.map((change) => `${JSON.stringify(change)}\n`).join('')
        if (lines !== '') yield* exchange.chunk(lines)
        else yield* changed.wait(deadline - program.now)
      }
    } finally {
      stop()
    }
  }
}

const notAllowed = failure(405, 'MethodNotAllowed', 'the server does not allow this method')

function notFound(name: string): StatusRecord {
  return failure(404, 'NotFound', `nodes "${name}" not found`)
}

function* answer(exchange: Exchange, body: object, success = 200): Process {
  const status = 'code' in body ? Number(body.code) : success
  yield* exchange.reply(status, JSON_TYPE, JSON.stringify(body))
}
