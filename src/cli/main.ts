import './engine.ts'
import { EXIT_BAD_INPUT } from './exit.ts'
import { main } from './program.ts'

// A reader that has seen enough (`| head`) is no failure, nor does it end what else is to be done.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    if (stream === process.stdout) {
      process.stderr.write(`the output cannot be written (${error.code})\n`)
    }
    process.exit(EXIT_BAD_INPUT)
  })
}

process.exitCode = await main(process.argv.slice(2))
