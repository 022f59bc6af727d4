/** `koa-tenants/testing`: a running service with two tenants, for the tests of an app. docs/testing.md explains it. */
export type { TestMail, TestTenancy } from './open-test-tenancy.ts';
export { openTestTenancy } from './open-test-tenancy.ts';
export type { Answer, RequestOptions, TestClient } from './test-client.ts';
export type { FixtureRow, TestTenant, TestUser } from './test-tenant.ts';
export { TEST_PASSWORD } from './test-tenant.ts';
