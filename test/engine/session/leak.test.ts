// A compiled step has no memory leak.
import { testForLeaks } from './leak.js';

testForLeaks(300);
