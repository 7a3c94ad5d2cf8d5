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
