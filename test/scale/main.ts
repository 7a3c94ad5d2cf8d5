/** One case, as `scripts/scale.mjs` runs it: NAME HOSTS PER_HOST PAIRS. Prints its result as JSON. */
import '../../src/cli/engine.ts'
import { runScale } from './data-centre.ts'

const [name, hosts, perHost, pairs] = process.argv.slice(2)
const size = { hosts: Number(hosts), perHost: Number(perHost), pairs: Number(pairs) }
const result = runScale(name!, size)
const { user, system } = process.cpuUsage()
const cpu = (user + system) / 1e6
const megabytes = process.resourceUsage().maxRSS / 1024
console.log(JSON.stringify({ ...result, cpu, megabytes }))
