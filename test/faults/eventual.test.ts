// Every fault of Redis, where calls are answered as "eventual" says.
import { describeFaults } from './suite.ts'

describeFaults('eventual')
