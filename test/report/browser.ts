/** Headless Chromium by its devtools protocol over a pipe: no port, no further package. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

/** Debian's name first. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

const ARGUMENTS = [
  '--headless',
  '--remote-debugging-pipe',
  // A page of our own is opened, and containers of CI have no user namespaces.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
]

const REMOVALS_MAX = 50
const REMOVAL_MS = 100

type Json = Readonly<Record<string, unknown>>

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Json
  readonly result?: Json
  readonly error?: { readonly message: string }
}

/** What happened while a page was open. */
export interface Seen {
  /** Messages on the console, exceptions, and what the browser complained of. */
  readonly complaints: string[]
  /** Addresses of all that was asked for, the page included. */
  readonly requests: string[]
}

/**
 * The command of a browser that starts; null, with a line that says so, where there is none. With
 * ENCAP_REQUIRE_PEERS=1 that is an error.
 */
export function browserCommand(): string | null {
  const found = NAMES.find((name) => {
    return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
  })
  if (found !== undefined) return found
  const message = 'chromium is not installed'
  if (process.env['ENCAP_REQUIRE_PEERS'] === '1') throw new Error(message)
  console.warn(`${message}: its tests are skipped`)
  return null
}

/** One browser with one tab. */
export class Browser {
  seen: Seen = { complaints: [], requests: [] }
  private readonly profile = mkdtempSync(join(tmpdir(), 'encap-browser-'))
  private readonly process: ChildProcess
  private readonly input: Writable
  private readonly waiting = new Map<number, (message: Message) => void>()
  private readonly listeners = new Map<string, () => void>()
  private count = 0
  private session = ''
  private rest = ''

  private constructor(command: string) {
    this.process = spawn(command, [...ARGUMENTS, `--user-data-dir=${this.profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      // Its sleeping helpers would outlive it otherwise.
      env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: 'disabled:' },
    })
    this.input = this.process.stdio[3] as Writable
    const output = this.process.stdio[4] as Readable
    output.setEncoding('utf8').on('data', (text: string) => this.receive(text))
  }

  static async start(command: string): Promise<Browser> {
    const browser = new Browser(command)
    const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true })
    browser.session = String(sessionId)
    for (const domain of ['Page', 'Runtime', 'Log', 'Network'])
      await browser.send(`${domain}.enable`)
    return browser
  }

  /** Opens a file and waits until it has been loaded. */
  async open(path: string): Promise<void> {
    this.seen = { complaints: [], requests: [] }
    const loaded = new Promise<void>((resolve) => {
      this.listeners.set('Page.loadEventFired', resolve)
    })
    await this.send('Page.navigate', { url: pathToFileURL(path).href })
    await loaded
  }

  /** As a screen of this width in pixels shows it. */
  async show(media: 'screen' | 'print', scheme: 'light' | 'dark', width: number): Promise<void> {
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.send('Emulation.setEmulatedMedia', { media, features })
    const size = { width, height: 900, deviceScaleFactor: 1, mobile: false }
    await this.send('Emulation.setDeviceMetricsOverride', size)
  }

  /** The value of an expression in the page, which must be JSON. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.send('Runtime.evaluate', { expression, returnByValue: true })
    const { value, description } = answer['result'] as { value?: T; description?: string }
    if ('exceptionDetails' in answer) throw new Error(description ?? expression)
    return value as T
  }

  /** The whole page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true })
    return Buffer.from(String(data), 'base64')
  }

  /** The page as PDF, as it would be printed. */
  async print(): Promise<Buffer> {
    const { data } = await this.send('Page.printToPDF', { preferCSSPageSize: true })
    return Buffer.from(String(data), 'base64')
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.session = ''
    await this.send('Browser.close')
    await ended
    await this.removeProfile()
  }

  /** Processes of the browser may still write there when the first of them has ended. */
  private async removeProfile(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return rmSync(this.profile, { recursive: true, force: true })
      } catch (error) {
        if (tries === REMOVALS_MAX) throw error
        await pause(REMOVAL_MS)
      }
    }
  }

  private send(method: string, params: Json = {}): Promise<Json> {
    const id = ++this.count
    const target = this.session === '' ? {} : { sessionId: this.session }
    this.input.write(`${JSON.stringify({ id, method, params, ...target })}\0`)
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => {
        if (error !== undefined) reject(new Error(`${method}: ${error.message}`))
        else resolve(result ?? {})
      })
    })
  }

  /** Messages end with a zero byte. */
  private receive(text: string): void {
    const parts = `${this.rest}${text}`.split('\0')
    this.rest = parts.pop() ?? ''
    for (const part of parts) this.handle(JSON.parse(part) as Message)
  }

  private handle(message: Message): void {
    const { id, method = '', params = {} } = message
    if (id !== undefined) {
      this.waiting.get(id)?.(message)
      this.waiting.delete(id)
      return
    }
    const { complaints, requests } = this.seen
    if (method === 'Network.requestWillBeSent') {
      requests.push((params['request'] as { url: string }).url)
    } else if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown') {
      complaints.push(JSON.stringify(params))
    } else if (method === 'Log.entryAdded' || method === 'Page.javascriptDialogOpening') {
      complaints.push(JSON.stringify(params))
    }
    this.listeners.get(method)?.()
  }
}
