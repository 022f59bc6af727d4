import fc from 'fast-check';

const { TEST_SEED: seed = '1' } = process.env;

// Every run tests the same values: no run fails that others do not. `TEST_SEED=random` tests others.
if (seed !== 'random') {
  fc.configureGlobal({ seed: Number(seed) });
}

export default fc;
