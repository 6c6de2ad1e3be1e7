// A compiled step keeps nothing of its runs: the same over many more.
import { testForLeaks } from '../../engine/session/leak.js';

testForLeaks(2000);
