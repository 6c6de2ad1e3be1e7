// A compiled step has no memory leak over many runs.
import { testForLeaks } from '../../engine/session/leak.js';

testForLeaks(2000);
