// Which files are tests, and how long one may take. Five projects: everything, the public suite of HTTP cache tests, the
// page in a browser, long histories of several processes, and what takes a million calls.
import { transform } from 'esbuild'
import { defineConfig, type Plugin, type ViteUserConfig } from 'vitest/config'

// Long: what never comes is told late, so that what is only slow, on a machine that does much else, is not taken for it.
const shared = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 15_000 } }, restoreMocks: true, unstubEnvs: true }

/** Lowers decorators, which Vite 8 leaves as they are and no Node reads. */
const decorators: Plugin = {
  name: 'decorators',
  enforce: 'pre',
  async transform(code, id) {
    if (!id.endsWith('.ts') || !/^\s*@\w/m.test(code)) return undefined
    const lowered = await transform(code, { loader: 'ts', target: 'node20', sourcefile: id, sourcemap: 'external', tsconfigRaw: {} })
    return { code: lowered.code, map: lowered.map }
  },
}

const config: ViteUserConfig = defineConfig({
  test: {
    coverage: { provider: 'v8', include: ['src/**', 'middleware/**'] },
    projects: [
      {
        plugins: [decorators],
        test: {
          ...shared,
          name: 'main',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/long/**', 'test/consistency/long/**', 'test/conformance/**'],
        },
      },
      { test: { ...shared, name: 'browser', include: ['test/browser/**/*.test.ts'], hookTimeout: 120_000 } },
      { test: { ...shared, name: 'conformance', include: ['test/conformance/**/*.test.ts'], testTimeout: 240_000 } },
      // One file at a time: its processes have the machine for themselves.
      {
        test: {
          ...shared,
          name: 'consistency',
          include: ['test/consistency/long/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
        },
      },
      // One file at a time: the heap is measured.
      {
        test: {
          ...shared,
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          execArgv: ['--expose-gc'],
          fileParallelism: false,
          testTimeout: 300_000,
        },
      },
    ],
  },
})

export default config
