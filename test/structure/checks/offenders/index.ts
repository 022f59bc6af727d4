import type { Offender } from '../offender.ts';
import { auditTriggers } from './audit-triggers.ts';
import { crossingRelations } from './crossing-relations.ts';
import { extensions } from './extensions.ts';
import { extensionsInPublic } from './extensions-in-public.ts';
import { globalTables } from './global-tables.ts';
import { guardParameter } from './guard-parameter.ts';
import { leakyViews } from './leaky-views.ts';
import { loggedParameters } from './logged-parameters.ts';
import { missingPrimaryKeys } from './missing-primary-keys.ts';
import { mutablePaths } from './mutable-paths.ts';
import { oldMinors } from './old-minors.ts';
import { otherDatabases } from './other-databases.ts';
import { ownerRoles } from './owner-roles.ts';
import { preparedTransactions } from './prepared-transactions.ts';
import { rewrittenFunctions } from './rewritten-functions.ts';
import { roleSettings } from './role-settings.ts';
import { securityDefinerFunctions } from './security-definer-functions.ts';
import { serviceMemberships } from './service-memberships.ts';
import { serviceOwnsNothing } from './service-owns-nothing.ts';
import { servicePrivileges } from './service-privileges.ts';
import { serviceTableRights } from './service-table-rights.ts';
import { tableRules } from './table-rules.ts';
import { temporaryFiles } from './temporary-files.ts';
import { tenancyRights } from './tenancy-rights.ts';
import { tenantRoleRights } from './tenant-role-rights.ts';
import { unexpectedMembers } from './unexpected-members.ts';
import { unfinishedMoves } from './unfinished-moves.ts';
import { unhardened } from './unhardened.ts';
import { unindexedForeignKeys } from './unindexed-foreign-keys.ts';
import { unprotectedRelations } from './unprotected-relations.ts';

/** At least one offender for each check. */
export const offenders: readonly Offender[] = [
  ...auditTriggers,
  ...crossingRelations,
  ...extensions,
  ...extensionsInPublic,
  ...globalTables,
  ...guardParameter,
  ...leakyViews,
  ...loggedParameters,
  ...missingPrimaryKeys,
  ...mutablePaths,
  ...tenantRoleRights,
  ...oldMinors,
  ...otherDatabases,
  ...ownerRoles,
  ...preparedTransactions,
  ...rewrittenFunctions,
  ...roleSettings,
  ...securityDefinerFunctions,
  ...serviceMemberships,
  ...serviceOwnsNothing,
  ...servicePrivileges,
  ...serviceTableRights,
  ...unexpectedMembers,
  ...tableRules,
  ...tenancyRights,
  ...temporaryFiles,
  ...unfinishedMoves,
  ...unhardened,
  ...unindexedForeignKeys,
  ...unprotectedRelations,
];
