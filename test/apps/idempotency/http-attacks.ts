import { attackHttp, found, type HttpAttack } from '../../helpers/http-attacks.ts';
import { PASSWORD } from '../../helpers/server.ts';

const GLOBEX = 'globex.localhost';

/** Attacks on stored responses: the attacker is another user of the same tenant, who knows the key. */
export const httpAttacks: readonly HttpAttack[] = [
  attackHttp({
    id: 'idempotency-other-user',
    name: "a user does not get the stored response of another user's key",
    rule: {
      file: 'src/http/idempotency.ts',
      from: 'userId: callerOf(ctx.state).userId,',
      to: "userId: callerOf(ctx.state).userId && '1',",
    },
    action: async ({ service }) => {
      const post = async (username: string) =>
        service.request(GLOBEX, 'POST', '/api/notes/', {
          token: await service.logIn(GLOBEX, username, PASSWORD),
          body: { name: 'a guessed body' },
          headers: { 'Idempotency-Key': 'a-key-that-leaked' },
        });
      const first = await post('hank');
      const { body, headers } = await post('eve');
      return found(
        headers['idempotent-replayed'] === 'true' && body.id === first.body.id,
        'a stored response',
      );
    },
  }),
];
