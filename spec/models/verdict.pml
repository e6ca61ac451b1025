/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Acceptance of receive indications by the consumer index (03-rings.md, RING-H8; 05-operations.md, OP-D20).
 *
 * The driver posts a verdict for an indication that it refuses before it publishes a consumer index beyond it, and
 * posts nothing for one that it takes. The device reads the consumer index first and drains the submission ring
 * afterwards; what lies below the index then and has no verdict was taken. Stores of one side become visible in order.
 *
 * Claim: what the device holds as taken is exactly what the driver took.
 * -DREVERSED (drain first, read the index after) and -DLATE_VERDICT (index before verdict) must be seen to fail.
 */
#define N 4

chan sq = [N] of { byte };	/* verdicts: number of a refused indication */
byte index;			/* driver's consumer index as the device sees it: indications 1..index are consumed */
byte posted;			/* indications published */
bit refused_by_driver[N + 1];
bit refused_at_device[N + 1];
byte settled;			/* device has decided on 1..settled */

active proctype device()
{
	byte seen, v;

	do
	:: (settled == N) -> break
	:: (posted == settled && posted < N) -> posted = posted + 1	/* one in flight */
	:: (posted > settled) ->
#ifdef REVERSED
		do :: sq?v -> refused_at_device[v] = 1 :: empty(sq) -> break od;
		seen = index;
#else
		seen = index;
		do :: sq?v -> refused_at_device[v] = 1 :: empty(sq) -> break od;
#endif
		if
		:: (seen >= posted) ->
			settled = posted;
			assert(refused_at_device[settled] == refused_by_driver[settled])
		:: else -> (index > seen || nempty(sq))	/* wait for the driver */
		fi
	od
}

active proctype driver()
{
	byte n;

	do
	:: (n == N) -> break
	:: (posted > n) ->
		n = n + 1;
		if
		:: skip				/* take it */
		:: refused_by_driver[n] = 1;
#ifndef LATE_VERDICT
		   sq!n
#endif
		fi;
		index = n;
#ifdef LATE_VERDICT
		if
		:: refused_by_driver[n] -> sq!n
		:: else
		fi
#endif
	od
}
