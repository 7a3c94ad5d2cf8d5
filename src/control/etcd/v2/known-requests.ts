import type { HttpRequest } from './http.ts'
import type { V2Work } from './service.ts'

const KEPT = 1024

/**
 * What the latest GETs ask for, by their target: a client repeats the same few reads in each of its commands, and all
 * watchers of a directory poll and list with the same words. Only what neither the clock nor the state of the
 * member decides is kept; it is read and never changed. When it is full it begins anew.
 */
export class KnownRequests {
  private readonly works = new Map<string, V2Work>()

  find({ method, target }: HttpRequest): V2Work | undefined {
    return method === 'GET' ? this.works.get(target) : undefined
  }

  keep({ method, target }: HttpRequest, work: V2Work): void {
    const isTimeless = 'request' in work && work.request.expiration === null
    if (method !== 'GET' || !isTimeless) return
    if (this.works.size === KEPT) this.works.clear()
    this.works.set(target, work)
  }
}
