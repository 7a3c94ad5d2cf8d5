import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The scenarios that come with the program, which may be a bundle some folders below the package, or its source. */
export function scenarioDirectory(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'scenarios')) && folder !== dirname(folder)) {
    folder = dirname(folder)
  }
  return join(folder, 'scenarios')
}
