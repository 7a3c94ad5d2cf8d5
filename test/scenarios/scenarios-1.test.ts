/** Every second file of scenarios/. */
import { scenarioTests } from './scenario-tests.ts'

scenarioTests((file, index) => !file.includes('/') && index % 2 === 0)
