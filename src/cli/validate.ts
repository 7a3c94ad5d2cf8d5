import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { type LoadFlags, loadAll } from './load.ts'
import { schemesWith } from './user-schemes.ts'

/** `encap validate`: every file is checked, also after a wrong one. */
export async function validateCommand(files: readonly string[], flags: LoadFlags): Promise<void> {
  const { loaded, wrong } = loadAll(files, flags, await schemesWith(flags.scheme))
  for (const { file, scenarios, panels } of loaded) {
    const variants = scenarios.length > 1 ? `, ${scenarios.length} variants` : ''
    const ofPanels = panels.length > 1 ? `, ${panels.length} panels` : ''
    process.stdout.write(`${file}: right${variants}${ofPanels}\n`)
  }
  if (wrong.length > 0) throw new ExitError(EXIT_BAD_INPUT, wrong.join('\n'))
}
