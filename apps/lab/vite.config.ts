export { pageConfig as default } from '../look/page-config.ts'
