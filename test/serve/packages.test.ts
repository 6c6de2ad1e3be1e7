// A server without its optional packages names those to install.
import { expect, jest, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.js';

test('a package that is not installed is answered with the command that installs all of them', async () => {
  jest.unstable_mockModule('prom-client', () => {
    throw new Error("Cannot find package 'prom-client'");
  });
  const { importServerPackages } = await import('../../src/serve/packages.js');
  const importing = importServerPackages();
  await expect(importing).rejects.toThrow(ConfigError);
  await expect(importing).rejects.toThrow(
    'serve: a server needs packages that are not installed; run `npm install fastify fastify-type-provider-zod @fastify/swagger ' +
      "@fastify/swagger-ui prom-client` (Cannot find package 'prom-client')",
  );
});
