// Every fault of Redis, where calls are answered as "strong" says.
import { describeFaults } from './suite.ts'

describeFaults('strong')
