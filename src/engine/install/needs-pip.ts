// The error of requests that only pip can make.
import { Refusal } from '../../platform/hub/request.js';

/** An index that pip may read where our client cannot: pip asks keyrings for passwords, and the system for certificates. */
export class NeedsPip extends Refusal {}
