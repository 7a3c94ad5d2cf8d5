import { whyJson } from '../report/why-json.ts'
import { whySvg } from '../report/why-svg.ts'
import { whyReport } from '../report/why-text.ts'
import { parseQuantity } from '../sim/quantities.ts'
import { traceProbe } from '../study/why.ts'
import { EXIT_BAD_INPUT, EXIT_FAILED, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'
import { replaceFile } from './replace-file.ts'
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
  readonly bytes?: string
  readonly json?: boolean
  readonly svg?: string
}

const DATAGRAM_MAX = 65507
/** More would not fit into a trace. */
const STREAM_MAX = 10_000_000

/** `encap why`: a run of the same seed with one packet more, which is traced. Exit status 1 if lost. */
export async function whyCommand(file: string, flags: WhyFlags): Promise<void> {
  const wanted = flags.variant === undefined ? [] : [flags.variant]
  const schemes = await schemesWith(flags.scheme)
  const [scenario] = selectVariants(load(file, flags, schemes), wanted, file)
  const { protocol } = flags
  if (protocol !== 'icmp' && protocol !== 'udp' && protocol !== 'tcp') {
    throw new ExitError(EXIT_BAD_INPUT, `--protocol ${protocol}: it must be icmp, udp or tcp`)
  }
  const outcome = traceProbe(scenario!, schemes, {
    from: flags.from,
    to: flags.to,
    at: flags.at === undefined ? null : durationOf('--at', flags.at),
    protocol,
    port: wholeNumber('--port', flags.port, 1, 65535),
    size: sizeOf(flags, protocol),
    dontFragment: flags.df ?? false,
    ttl: wholeNumber('--ttl', flags.ttl, 1, 255),
  })
  if ('problem' in outcome) throw new ExitError(EXIT_BAD_INPUT, outcome.problem)
  const options = { color: hasColor(process.stdout), columns: columns(process.stdout) }
  if (flags.svg !== undefined) replaceFile(flags.svg, whySvg(outcome))
  const text = flags.json ? JSON.stringify(whyJson(outcome), null, 2) : whyReport(outcome, options)
  process.stdout.write(`${text}\n`)
  if (!outcome.delivered) throw new ExitError(EXIT_FAILED)
}

/** Of a datagram its payload, of a connection all that it carries; either flag says it of TCP. */
function sizeOf({ size, bytes }: WhyFlags, protocol: string): number {
  if (protocol !== 'tcp') {
    if (bytes !== undefined)
      throw new ExitError(EXIT_BAD_INPUT, '--bytes: it is for --protocol tcp')
    return wholeNumber('--size', size, 0, DATAGRAM_MAX)
  }
  return bytes === undefined
    ? wholeNumber('--size', size, 0, STREAM_MAX)
    : wholeNumber('--bytes', bytes, 0, STREAM_MAX)
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
