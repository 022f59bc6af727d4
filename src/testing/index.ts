/** `koa-tenants/testing`: a running service with two tenants, for the tests of an app. docs/testing.md explains it. */
export type { FixtureRow, TestMail, TestTenancy, TestTenant, TestUser } from './open-test-tenancy.ts';
export { openTestTenancy, TEST_PASSWORD } from './open-test-tenancy.ts';
export type { Answer, RequestOptions, TestClient } from './test-client.ts';
