/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of something that may have to ask somebody else first. Waiting is neither well nor
 * badly: no value is negative, so that a comparison with 0 that forgets one of them does not
 * compile.
 */
#ifndef CUBE_APISERVER_OUTCOME_H
#define CUBE_APISERVER_OUTCOME_H

enum outcome {
	OUTCOME_DONE,	 /* it is over, and went well */
	OUTCOME_REFUSED, /* it is over; the refusal that was handed in says why */
	OUTCOME_WAITING, /* somebody else was asked: it goes on in a later turn */
};

/* Of what never waits: < 0 is refused. */
static inline enum outcome outcome_of(int checked)
{
	return checked < 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
}

#endif
