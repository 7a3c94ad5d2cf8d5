/** Runs the bundled program as its users do: as a process of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { vi } from 'vitest'
import { main } from '../../src/cli/program.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Below node_modules, for the bundle must find the packages that it leaves outside. */
const CACHE = join(ROOT, 'node_modules/.cache/encap-test')

export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The program and a folder of its own in which it runs. */
export class Program {
  readonly folder = mkdtempSync(join(tmpdir(), 'encap-cli-'))
  private readonly bundle: string

  private constructor(bundle: string) {
    this.bundle = bundle
  }

  static async build(): Promise<Program> {
    mkdirSync(CACHE, { recursive: true })
    const bundle = mkdtempSync(join(CACHE, 'cli-'))
    await build({
      absWorkingDir: ROOT,
      entryPoints: {
        cli: 'src/cli/main.ts',
        'sweep-worker': 'src/cli/sweep-worker.ts',
        'compare-worker': 'src/cli/compare-worker.ts',
        scheme: 'src/schemes/public.ts',
      },
      outdir: bundle,
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'warning',
    })
    return new Program(bundle)
  }

  get entry(): string {
    return join(this.bundle, 'cli.js')
  }

  /** Writes a file into the program's folder. @returns its name. */
  file(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text)
    return name
  }

  /** Runs the program to its end. */
  run(...args: readonly string[]): Ended {
    return this.runWith({}, ...args)
  }

  runWith(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Ended {
    const { status, stdout, stderr } = spawnSync(process.execPath, [this.entry, ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...plainEnvironment(), ...environment },
      maxBuffer: 1 << 28,
    })
    return { status, stdout, stderr }
  }

  /** Runs a line of shell in which `$encap` is the program. */
  shell(line: string): Ended {
    const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-o', 'pipefail', '-c', line], {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...plainEnvironment(), encap: `${process.execPath} ${this.entry}` },
    })
    return { status, stdout, stderr }
  }

  start(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [this.entry, ...args], {
      cwd: this.folder,
      env: plainEnvironment(),
    })
  }

  remove(): void {
    rmSync(this.bundle, { recursive: true })
    rmSync(this.folder, { recursive: true })
  }
}

/** vitest sets colours and more, which are no part of what is tested. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], TERM: 'xterm' }
}

/** Two containers on two hosts; a lossy cable, so that the seed matters. */
export const SCENARIO = `name: two-hosts
why: Two containers on two hosts with a bad cable between them.
fabric: { racks: 1, hostsPerRack: 2, links: 1Gbps }
networks: { app: { scheme: macvlan } }
containers: { perHost: 1, networks: app }
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 10kpps, for: 100ms }
faults:
  - { node: h2, at: 0s, loss: 10% }
captures: [h1/eth0]
variants:
  macvlan: {}
  host-gw: { networks: { app: { scheme: flannel, backend: host-gw } } }
expect:
  - { sent: { of: stream, equals: 1000 } }
hosts: { costs: none }
`

/** A run of minutes, to be interrupted; what its captures see is little. */
export const ENDLESS = `name: endless
why: It lasts longer than anybody waits.
fabric: { racks: 1, hostsPerRack: 3, links: 10Gbps }
hosts: { costs: none }
networks: { app: { scheme: macvlan } }
containers: { perHost: 1, networks: app }
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 200kpps, for: 3600s }
captures: [h3/eth0]
`

/** Two panels of two variants. */
export const PANELS = SCENARIO.replace(
  'variants:',
  `panels:
  1 Gb/s: {}
  10 Gb/s: { fabric: { links: 10Gbps } }
variants:`,
)

/** Runs a command line within this process, which is faster where the process is not the matter. */
export async function runHere(...args: readonly string[]): Promise<Ended> {
  const written = { stdout: '', stderr: '' }
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text)
      return true
    }),
  )
  try {
    return { status: await main(args), ...written }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** A scenario file for commands that run within this process. */
export class ScenarioFile {
  readonly path: string
  private readonly folder = mkdtempSync(join(tmpdir(), 'encap-file-'))

  constructor(text: string) {
    this.path = join(this.folder, 'two.yaml')
    writeFileSync(this.path, text)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }
}
