/** Claims and questions. */
import { scenarioTests } from './scenario-tests.ts'

scenarioTests((file) => file.includes('/'))
