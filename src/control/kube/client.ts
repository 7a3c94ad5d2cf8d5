import type { Process } from '../../sim/process.ts'
import type { StoreAddress } from '../cluster/store.ts'
import { HttpClient, type HttpResponse } from '../http/client.ts'
import { HttpError } from '../http/http-error.ts'
import type { HttpStream } from '../http/http-stream.ts'
import { encodeQuery, escapePath } from '../http/query.ts'
import type { Program } from '../program/program.ts'
import { type NodeRecord, parseJson } from './node.ts'

/** Why a request to the API server failed. */
export class KubeError {
  /** Of HTTP; 0 when there was no answer. */
  readonly code: number
  readonly text: string

  constructor(code: number, text: string) {
    this.code = code
    this.text = text
  }
}

export interface NodeList {
  readonly resourceVersion: string
  readonly items: readonly NodeRecord[]
}

const NODES = '/api/v1/nodes'
const MERGE_PATCH = 'application/strategic-merge-patch+json'

/** Requests about nodes, as client-go makes them, but for its protobuf. */
export class KubeClient {
  readonly program: Program
  private readonly http: HttpClient
  private readonly server: StoreAddress

  constructor(program: Program, server: StoreAddress) {
    this.program = program
    this.http = new HttpClient(program)
    this.server = server
  }

  *list(): Process<NodeList | KubeError> {
    const query = encodeQuery({ limit: 500, resourceVersion: 0 })
    const answer = yield* this.ask('GET', `${NODES}?${query}`)
    if (answer instanceof KubeError) return answer
    // The server's word: a list has these fields, and Json names none.
    const { metadata, items } = answer as unknown as {
      metadata: { resourceVersion: string }
      items: readonly NodeRecord[]
    }
    return { resourceVersion: metadata.resourceVersion, items }
  }

  /** A line for each change. @param seconds after which the server ends it. */
  *watch(resourceVersion: string, seconds: number): Process<HttpStream | KubeError> {
    const query = encodeQuery({ resourceVersion, timeoutSeconds: seconds, watch: true })
    const request = { ...this.server, method: 'GET', path: `${NODES}?${query}` }
    const stream = yield* this.http.stream(request)
    if (stream instanceof HttpError) return new KubeError(0, stream.text)
    if (stream.status === 200) return stream
    stream.cancel()
    return new KubeError(stream.status, `the server answered ${stream.status}`)
  }

  *create(node: object): Process<NodeRecord | KubeError> {
    return (yield* this.ask('POST', NODES, node)) as NodeRecord | KubeError
  }

  /** @param part of the record, such as its status. */
  *patch(name: string, patch: object, part: '' | 'status' = ''): Process<NodeRecord | KubeError> {
    const path = escapePath(`${NODES}/${name}${part === '' ? '' : `/${part}`}`)
    return (yield* this.ask('PATCH', path, patch, MERGE_PATCH)) as NodeRecord | KubeError
  }

  *delete(name: string): Process<NodeRecord | KubeError> {
    return (yield* this.ask('DELETE', escapePath(`${NODES}/${name}`))) as NodeRecord | KubeError
  }

  private *ask(
    method: string,
    path: string,
    body: object | null = null,
    type = 'application/json',
  ): Process<object | KubeError> {
    const content = body === null ? {} : { body: JSON.stringify(body) }
    const headers = body === null ? [] : ([['Content-Type', type]] as const)
    const answer: HttpResponse | HttpError = yield* this.http.request({
      ...this.server,
      method,
      path,
      headers,
      ...content,
    })
    if (answer instanceof HttpError) return new KubeError(0, answer.text)
    const json = parseJson(answer.text)
    if (answer.status < 300 && json !== null) return json
    return new KubeError(answer.status, String(json?.['message'] ?? `status ${answer.status}`))
  }
}
