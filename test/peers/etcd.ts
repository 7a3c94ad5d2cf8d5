/** Starts the real etcd (Debian's etcd-server) on loopback, for tests that compare answers with its. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In memory, where there is one: etcd calls fsync for every write. */
const SHARED_MEMORY = '/dev/shm'

const ETCD = 'etcd'
const START_TRIES = 3
const START_MS_MAX = 20_000
const POLL_MS = 50
const LOG_CHARACTERS_MAX = 20_000

export interface HttpAnswer {
  readonly status: number
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

export interface HttpCall {
  readonly method?: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A response whose body does not end: `stop` ends it. */
export interface HttpStream {
  /** The lines of the body so far. */
  readonly lines: string[]
  /** Waits until `until` holds of the lines; an error after `timeoutMs`, or when the body ends. */
  wait(until: (lines: readonly string[]) => boolean, timeoutMs?: number): Promise<void>
  stop(): void
}

/** One real member, alone in its cluster. */
export class RealEtcd {
  readonly host = '127.0.0.1'
  readonly port: number
  private readonly child: ChildProcess
  private readonly dataDir: string
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 8 })

  constructor(port: number, child: ChildProcess, dataDir: string) {
    this.port = port
    this.child = child
    this.dataDir = dataDir
    // A test process that ends early must leave neither the member nor its data behind.
    process.once('exit', this.remove)
  }

  /** One request, its whole answer; redirects are not followed. */
  call(call: HttpCall): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.send(call, reject, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8')
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers })
        })
      })
    })
  }

  /** One request whose body comes in lines for as long as it is read. */
  stream(call: HttpCall): Promise<HttpStream> {
    return new Promise((resolve, reject) => {
      const sent = this.send(call, reject, (response) => {
        resolve(new LineStream(response, () => sent.destroy()))
      })
    })
  }

  async stop(): Promise<void> {
    this.agent.destroy()
    await ended(this.child)
    process.off('exit', this.remove)
    this.remove()
  }

  private readonly remove = (): void => {
    this.child.kill('SIGKILL')
    rmSync(this.dataDir, { recursive: true, force: true })
  }

  private send(
    call: HttpCall,
    onError: (error: Error) => void,
    onResponse: (response: IncomingMessage) => void,
  ) {
    const { path, body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = call
    const { host, port, agent } = this
    const sent = request({ host, port, agent, method, path, headers }, onResponse)
    sent.on('error', onError)
    sent.end(body)
    return sent
  }
}

class LineStream implements HttpStream {
  readonly lines: string[] = []
  readonly stop: () => void
  private rest = ''
  private hasEnded = false
  private onChange: () => void = () => {}

  constructor(response: IncomingMessage, stop: () => void) {
    this.stop = stop
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      this.take(text)
    })
    const end = (): void => {
      this.hasEnded = true
      this.onChange()
    }
    response.on('end', end)
    response.on('error', end)
  }

  private take(text: string): void {
    const parts = (this.rest + text).split('\n')
    this.rest = parts.pop()!
    this.lines.push(...parts)
    this.onChange()
  }

  wait(until: (lines: readonly string[]) => boolean, timeoutMs = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.onChange = () => {}
        reject(new Error(`not within ${timeoutMs} ms; lines so far:\n${this.lines.join('\n')}`))
      }, timeoutMs)
      this.onChange = () => {
        const done = until(this.lines)
        if (!done && !this.hasEnded) return
        clearTimeout(timer)
        this.onChange = () => {}
        if (done) resolve()
        else reject(new Error(`the body ended after:\n${this.lines.join('\n')}`))
      }
      this.onChange()
    })
  }
}

/**
 * Starts a member on free ports of loopback with a temporary data directory. It answers when this
 * returns; `stop()` ends it and removes the directory.
 * @param extraArgs further arguments, such as `--enable-v2` or `--quota-backend-bytes=...`.
 */
export async function startEtcd(extraArgs: readonly string[] = []): Promise<RealEtcd> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(extraArgs)
    } catch (error) {
      // Another process may have taken a port between our asking for it and etcd's binding it.
      if (attempt === START_TRIES) throw error
    }
  }
}

async function startOnce(extraArgs: readonly string[]): Promise<RealEtcd> {
  const [client, peer] = await freePorts(2)
  const dataDir = mkdtempSync(
    join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'encap-etcd-'),
  )
  const child = spawn(ETCD, [...argumentsFor(client!, peer!, dataDir), ...extraArgs], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Debian's defaults for its service come as ETCD_ variables.
    env: { PATH: process.env['PATH'] },
  })
  let log = ''
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-LOG_CHARACTERS_MAX)
  }
  child.stdout!.on('data', keep)
  child.stderr!.on('data', keep)
  const etcd = new RealEtcd(client!, child, dataDir)
  try {
    await answering(etcd, child)
    return etcd
  } catch (error) {
    await etcd.stop()
    throw new Error(`etcd does not start: ${String(error)}\n${log}`)
  }
}

function argumentsFor(client: number, peer: number, dataDir: string): string[] {
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`]
  return [
    ...['--name', 'm1', '--data-dir', dataDir, '--logger', 'zap', '--log-level', 'error'],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `m1=${peerUrl}`, '--initial-cluster-token', dataDir],
  ]
}

async function answering(etcd: RealEtcd, child: ChildProcess): Promise<void> {
  for (let waited = 0; waited < START_MS_MAX; waited += POLL_MS) {
    if (child.exitCode !== null) throw new Error(`exit status ${child.exitCode}`)
    const healthy = await etcd.call({ path: '/health' }).then(
      ({ body }) => body.includes('"true"'),
      () => false,
    )
    if (healthy) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`no answer within ${START_MS_MAX} ms`)
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.once('listening', () => resolve((server.address() as AddressInfo).port))
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
