import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { load } from './load.ts'

/** `encap validate`: every file is checked, also after a wrong one. */
export function validateCommand(
  files: readonly string[],
  flags: { readonly set: readonly string[] },
): void {
  const wrong: string[] = []
  for (const file of files) {
    try {
      const scenarios = load(file, flags)
      const variants = scenarios.length > 1 ? `, ${scenarios.length} variants` : ''
      process.stdout.write(`${file}: right${variants}\n`)
    } catch (error) {
      if (!(error instanceof ExitError)) throw error
      wrong.push(error.message)
    }
  }
  if (wrong.length > 0) throw new ExitError(EXIT_BAD_INPUT, wrong.join('\n'))
}
