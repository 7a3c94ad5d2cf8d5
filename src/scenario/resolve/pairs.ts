import type { EndpointRef, Flow } from '../model.ts'

export interface Member {
  readonly ref: EndpointRef
  readonly host: string
}

/** The flows of a pattern among all containers or hosts. */
export function pairsAmong(
  pattern: 'ring' | 'mesh' | 'cross-host',
  members: readonly Member[],
): Flow[] {
  if (members.length < 2) return []
  if (pattern === 'mesh') {
    return members.flatMap((from) =>
      members.filter((to) => to !== from).map((to) => ({ from: from.ref, to: to.ref })),
    )
  }
  if (pattern === 'cross-host') return crossHost(members)
  return members.map((from, i) => ({
    from: from.ref,
    to: members[(i + 1) % members.length]!.ref,
  }))
}

/** The k-th member of each host to the k-th of the next host that has so many. */
function crossHost(members: readonly Member[]): Flow[] {
  const byHost = new Map<string, Member[]>()
  for (const member of members) {
    const list = byHost.get(member.host)
    if (list === undefined) byHost.set(member.host, [member])
    else list.push(member)
  }
  const hosts = [...byHost.values()]
  const most = hosts.reduce((length, list) => Math.max(length, list.length), 0)
  const flows: Flow[] = []
  for (let k = 0; k < most; k++) {
    const row = hosts.flatMap((list) => list.slice(k, k + 1))
    if (row.length < 2) continue
    row.forEach((from, i) => {
      flows.push({ from: from.ref, to: row[(i + 1) % row.length]!.ref })
    })
  }
  return flows
}
