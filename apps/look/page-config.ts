/** How both pages are built. */
import { defaultClientConditions, defineConfig, type Plugin, type UserConfig } from 'vite'

/** No inline code, nothing from elsewhere except model files. Style lengths set from code pass: they are CSSOM. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "worker-src 'self'",
  "connect-src 'self' blob: https: http://localhost:* http://127.0.0.1:*",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** Only the built page carries the policy: the development server injects styles. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: policy },
        injectTo: 'head-prepend',
      },
    ],
  },
}

export const pageConfig: UserConfig = defineConfig({
  base: './',
  resolve: { conditions: ['foretoken-source', ...defaultClientConditions] },
  worker: { format: 'es' },
  build: { outDir: 'dist', target: 'es2022' },
  plugins: [contentSecurityPolicy],
})
