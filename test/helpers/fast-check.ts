import fc from 'fast-check';

const { TEST_SEED: seed = '1' } = process.env;

// Every run tests the same values: no run fails that others do not. `TEST_SEED=random` tests others.
if (seed !== 'random') {
  if (!/^-?\d{1,10}$/.test(seed)) {
    throw new Error(`TEST_SEED must be an integer or "random". It is "${seed}".`);
  }
  fc.configureGlobal({ seed: Number(seed) });
}

export default fc;
