// Which files are tests, and how long one may take. Two projects: everything, and the page in a browser.
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const shared = { testTimeout: 20_000, hookTimeout: 30_000, restoreMocks: true, unstubEnvs: true }

const config: ViteUserConfig = defineConfig({
  test: {
    coverage: { provider: 'v8', include: ['src/**', 'middleware/**'] },
    projects: [
      { test: { ...shared, name: 'main', include: ['test/**/*.test.ts'], exclude: ['test/browser/**'] } },
      { test: { ...shared, name: 'browser', include: ['test/browser/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 } },
    ],
  },
})

export default config
