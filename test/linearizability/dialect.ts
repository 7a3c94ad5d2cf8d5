import type { HttpResponse } from '../../src/control/http/client.ts'
import type { Answer, Request } from './history.ts'

export interface Question {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly contentType: string
}

/** How a store's API asks and answers. */
export interface Dialect {
  readonly port: number
  /** Whether a swap may be by the value that is there, not only by the revision. */
  readonly comparesValues: boolean
  ask(key: string, request: Request): Question
  /** Null = nobody knows whether it was done. Throws on what no store should answer. */
  answer(request: Request, response: HttpResponse): Answer | null
}

export const NOT_FOUND = { value: null, revision: 0 } as const
