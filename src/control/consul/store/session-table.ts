import type { Session } from './commands.ts'
import { OrderedMap } from './ordered-map.ts'

/** The tables `sessions` and `session_checks`. Node and check names ignore case, as the real ones do. */
export class SessionTable {
  readonly sessions = new OrderedMap<Session>()
  index = 0
  private readonly byNode = new Map<string, Set<string>>()
  private readonly byCheck = new Map<string, Set<string>>()

  add(session: Session): void {
    this.sessions.set(session.id, session)
    link(this.byNode, session.node.toLowerCase(), session.id)
    for (const check of session.checks) {
      link(this.byCheck, checkName(session.node, check), session.id)
    }
  }

  remove(session: Session): void {
    this.sessions.delete(session.id)
    unlink(this.byNode, session.node.toLowerCase(), session.id)
    for (const check of session.checks) {
      unlink(this.byCheck, checkName(session.node, check), session.id)
    }
  }

  all(): Session[] {
    return this.sessions.keysWithPrefix('').map((id) => this.sessions.get(id)!)
  }

  ofNode(node: string): Session[] {
    return this.sorted(this.byNode.get(node.toLowerCase()))
  }

  ofCheck(node: string, check: string): Session[] {
    return this.sorted(this.byCheck.get(checkName(node, check)))
  }

  restore(sessions: readonly Session[]): void {
    this.sessions.clear()
    this.byNode.clear()
    this.byCheck.clear()
    for (const session of sessions) this.add(session)
  }

  private sorted(ids: ReadonlySet<string> | undefined): Session[] {
    return [...(ids ?? [])].sort().map((id) => this.sessions.get(id)!)
  }
}

/** One name for a check of a node. */
export function checkName(node: string, check: string): string {
  return `${node}\n${check}`.toLowerCase()
}

function link(table: Map<string, Set<string>>, name: string, id: string): void {
  const ids = table.get(name)
  if (ids) ids.add(id)
  else table.set(name, new Set([id]))
}

function unlink(table: Map<string, Set<string>>, name: string, id: string): void {
  const ids = table.get(name)
  ids?.delete(id)
  if (ids?.size === 0) table.delete(name)
}
