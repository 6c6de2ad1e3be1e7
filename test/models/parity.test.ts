// Every class against PyTorch, for every fixture, on the backend that the package chooses.
import { useBackend } from '../helpers/backend.js';
import { fixtureNames } from '../helpers/parity/fixtures.js';
import { describeParity, openHere } from '../helpers/parity/parity-cases.js';

describeParity(fixtureNames(), openHere(useBackend));
