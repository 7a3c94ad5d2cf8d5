import { whyReport } from '../report/why-text.ts'
import { parseQuantity } from '../sim/quantities.ts'
import { traceProbe } from '../study/why.ts'
import { EXIT_BAD_INPUT, EXIT_FAILED, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'
import { columns, hasColor } from './terminal.ts'
import { schemesWith } from './user-schemes.ts'

interface WhyFlags {
  readonly from: string
  readonly to: string
  readonly at?: string
  readonly protocol: string
  readonly port: string
  readonly size: string
  readonly df?: boolean
  readonly ttl: string
  readonly variant?: string
  readonly panel?: string
  readonly seed?: string
  readonly set?: readonly string[]
  readonly scheme?: readonly string[]
}

/** `encap why`: a run of the same seed with one packet more, which is traced. Exit status 1 if lost. */
export async function whyCommand(file: string, flags: WhyFlags): Promise<void> {
  const wanted = flags.variant === undefined ? [] : [flags.variant]
  const schemes = await schemesWith(flags.scheme)
  const [scenario] = selectVariants(load(file, flags, schemes), wanted, file)
  if (flags.protocol !== 'icmp' && flags.protocol !== 'udp') {
    throw new ExitError(EXIT_BAD_INPUT, `--protocol ${flags.protocol}: it must be icmp or udp`)
  }
  const outcome = traceProbe(scenario!, schemes, {
    from: flags.from,
    to: flags.to,
    at: flags.at === undefined ? null : durationOf('--at', flags.at),
    protocol: flags.protocol,
    port: wholeNumber('--port', flags.port, 1, 65535),
    size: wholeNumber('--size', flags.size, 0, 65507),
    dontFragment: flags.df ?? false,
    ttl: wholeNumber('--ttl', flags.ttl, 1, 255),
  })
  if ('problem' in outcome) throw new ExitError(EXIT_BAD_INPUT, outcome.problem)
  const options = { color: hasColor(process.stdout), columns: columns(process.stdout) }
  process.stdout.write(`${whyReport(outcome, options)}\n`)
  if (!outcome.delivered) throw new ExitError(EXIT_FAILED)
}

function durationOf(flag: string, text: string): number {
  const parsed = parseQuantity('duration', text)
  if (parsed.ok) return parsed.value
  throw new ExitError(EXIT_BAD_INPUT, `${flag}: ${parsed.message}; ${parsed.remedy}`)
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new ExitError(EXIT_BAD_INPUT, `${flag} ${text}: a whole number from ${least} to ${most}`)
}
