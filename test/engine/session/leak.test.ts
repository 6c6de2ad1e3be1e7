// A compiled step keeps nothing of its runs.
import { testForLeaks } from './leak.js';

testForLeaks(300);
