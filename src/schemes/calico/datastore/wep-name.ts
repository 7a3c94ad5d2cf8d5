/** Names of WorkloadEndpoint: fields joined by dashes, with those within doubled (libcalico-go/lib/names). */
export function wepName(
  node: string,
  orchestrator: string,
  workload: string,
  endpoint: string,
): string {
  return [node, orchestrator, workload, endpoint]
    .map((field) => field.replaceAll('-', '--'))
    .join('-')
}

/** Node, orchestrator, workload and endpoint. No field begins or ends with a dash. */
export function parseWepName(name: string): [string, string, string, string] {
  const fields = name.split(/(?<!-)-(?!-)/).map((field) => field.replaceAll('--', '-'))
  const [node = '', orchestrator = '', workload = '', endpoint = ''] = fields
  return [node, orchestrator, workload, endpoint]
}
