import { Command, CommanderError } from 'commander'
import { VERSION } from '../sim/version.ts'
import { EXIT_BAD_INPUT, EXIT_BUG, ExitError } from './exit.ts'
import { schemeFiles, userFault } from './user-fault.ts'

/** Commands are loaded when they are called: `encap --help` need not read the simulator. */
function program(): Command {
  const encap = new Command('encap')
    .description('Packet-level simulator of container networks.')
    .version(VERSION)
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError('See encap --help.')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      'after',
      `
Exit status: 0 all is well, 1 an expectation failed or the packet of "why" was lost, 2 bad input,
3 a bug of encap, 130 interrupted.

Examples:
  encap run scenarios/overlay-versus-underlay.yaml
  encap why scenarios/mtu-black-hole.yaml --from c1 --to c2 --size 1472 --df
  encap sweep scenarios/mac-exhaustion.yaml --vary containers.perHost=1..64 --find "flooded > 1%"
  encap schema > encap.schema.json`,
    )
  addRun(encap)
  addSweep(encap)
  addCompare(encap)
  addWhy(encap)
  addInspect(encap)
  addOthers(encap)
  return encap
}

const collect = (value: string, previous: readonly string[] = []) => [...previous, value]

function addRun(encap: Command): void {
  encap
    .command('run')
    .description('run scenario files and show what was measured')
    .argument('<file...>', 'scenario files')
    .option('--seed <seed>', 'seed of all chance, instead of that of the file')
    .option('--set <path=value>', 'replace a part of the file (repeatable)', collect)
    .option('--variant <name>', 'only this variant (repeatable)', collect)
    .option('--panel <name>', 'this panel of the file, or all; default: its first')
    .option('--json <file>', 'write the results as JSON (- for standard output)')
    .option('--pcap <dir>', 'write a pcapng capture of each run')
    .option('--report <dir>', 'write a page with tables and charts, index.html')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .option('--verbose', 'show every counter')
    .action(async (files: string[], options) => {
      const { runCommand } = await import('./run.ts')
      await runCommand(files, options)
    })
}

function addSweep(encap: Command): void {
  encap
    .command('sweep')
    .description('run a scenario for many values, and find where it tips over')
    .argument('<file>', 'scenario file')
    .requiredOption('--vary <path=values>', 'a,b,c or 8..512:8 or 8..4096*2 (repeatable)', collect)
    .option('--seeds <n>', 'runs of each point, each with a seed of its own', '1')
    .option('--find <condition>', 'least last value where it holds, such as "flooded > 1%"')
    .option('--jobs <n>', 'runs at once; default: one a core')
    .option('--out <dir>', 'where results are kept; default: SCENARIO-sweep')
    .option('--metric <name>', 'metric to show first (repeatable)', collect)
    .option('--report <dir>', 'write a page with tables and charts, index.html')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .option('--set <path=value>', 'replace a part of the file (repeatable)', collect)
    .option('--variant <name>', 'only this variant (repeatable)', collect)
    .option('--panel <name>', 'this panel of the file, or all; default: its first')
    .action(async (file: string, options) => {
      const { sweepCommand } = await import('./sweep.ts')
      await sweepCommand(file, options)
    })
}

function addCompare(encap: Command): void {
  encap
    .command('compare')
    .description('put every scheme on one fabric, and show what each does there')
    .argument('[file]', 'scenario file; default: three hosts at one switch')
    .option('--schemes <names>', 'schemes or variants, such as flannel,calico/none; default: all')
    .option('--sections <names>', 'what to ask, such as IPAM,performance; default: all')
    .option('--seeds <n>', 'runs of each, each with a seed of its own', '3')
    .option('--jobs <n>', 'runs at once; default: one a core')
    .option(
      '--json <file>',
      'write all answers with their evidence as JSON (- for standard output)',
    )
    .option('--report <dir>', 'write a page with tables and charts, index.html')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .action(async (file: string | undefined, options) => {
      const { compareCommand } = await import('./compare.ts')
      await compareCommand(file, options)
    })
}

function addWhy(encap: Command): void {
  encap
    .command('why')
    .description('follow one packet hop by hop, and say why it did not arrive')
    .argument('<file>', 'scenario file')
    .requiredOption('--from <end>', 'container or host that sends')
    .requiredOption('--to <end>', 'container, host or address')
    .option('--at <time>', 'when the packet is sent; default: just before the workloads')
    .option('--protocol <name>', 'icmp, udp or tcp', 'icmp')
    .option('--port <number>', 'UDP or TCP destination port', '5001')
    .option('--size <bytes>', 'payload bytes', '56')
    .option('--bytes <bytes>', 'what a TCP connection carries; default: --size')
    .option('--json', 'everything as JSON, instead of text')
    .option('--svg <file>', 'write the way as a drawing, too')
    .option('--df', 'set the DF bit, as `ping -M do`')
    .option('--ttl <number>', 'time to live', '64')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .option('--variant <name>', 'variant of the file; default: its first')
    .option('--panel <name>', 'panel of the file; default: its first')
    .option('--seed <seed>', 'seed of all chance, instead of that of the file')
    .option('--set <path=value>', 'replace a part of the file (repeatable)', collect)
    .action(async (file: string, options) => {
      const { whyCommand } = await import('./why.ts')
      await whyCommand(file, options)
    })
}

function addInspect(encap: Command): void {
  encap
    .command('inspect')
    .description('run to an instant and show a table as its tool would print it')
    .argument('<file>', 'scenario file')
    .argument('<node>', 'host, container, router or switch; store, or a member as store-1')
    .argument(
      '[command...]',
      'ip route, ip neigh, ip link, ip addr, bridge fdb (each with "show dev X"), iptables-save; mac of a switch; fib, arp of a router; of the store nothing more',
    )
    .option('--at <time>', 'simulated time; default: the end of the run')
    .option('-j, --json', 'as `ip -j` and `bridge -j` print it')
    .option('-p, --pretty', 'JSON in lines')
    .option('-d, --details', 'as `ip -d` prints it')
    .option('-s, --statistics', 'with counters and ages, as `ip -s` prints them')
    .option('-t, --table <name>', 'of iptables-save: this table only')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .option('--variant <name>', 'variant of the file; default: its first')
    .option('--panel <name>', 'panel of the file; default: its first')
    .option('--seed <seed>', 'seed of all chance, instead of that of the file')
    .option('--set <path=value>', 'replace a part of the file (repeatable)', collect)
    .action(async (file: string, node: string, words: string[], options) => {
      const { inspectCommand } = await import('./inspect.ts')
      await inspectCommand(file, node, words, options)
    })
}

function addOthers(encap: Command): void {
  encap
    .command('validate')
    .description('check scenario files without running them')
    .argument('<file...>', 'scenario files')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .option('--set <path=value>', 'replace a part of the file (repeatable)', collect)
    .action(async (files: string[], options) => {
      const { validateCommand } = await import('./validate.ts')
      await validateCommand(files, options)
    })
  encap
    .command('schema')
    .description('print the JSON Schema of scenario files')
    .option('--results', 'that of the results of `run --json` instead')
    .option('--why', 'that of `why --json` instead')
    .option(
      '--scheme <file>',
      'a scheme of your own: TypeScript or JavaScript (repeatable)',
      collect,
    )
    .action(async (options) => {
      const { schemaCommand } = await import('./schema.ts')
      await schemaCommand(options)
    })
  encap
    .command('list')
    .description('list scenarios, schemes and switch profiles')
    .action(async () => {
      const { listCommand } = await import('./list.ts')
      listCommand()
    })
}

/** Runs a command line, without the names of program and script. @returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof ExitError) {
      if (error.message !== '') process.stderr.write(`${error.message}\n`)
      return error.status
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_BAD_INPUT
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const fault = error instanceof Error ? userFault(error, schemeFiles(args)) : null
    if (fault !== null) {
      process.stderr.write(`${fault}\n${text}\n`)
      return EXIT_BAD_INPUT
    }
    process.stderr.write(`This is a bug of encap ${VERSION}; please report it.\n${text}\n`)
    return EXIT_BUG
  }
}
