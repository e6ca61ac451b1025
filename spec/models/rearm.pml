/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt re-arming by event index (03-rings.md, RING-D5, RING-D6, RING-H9).
 *
 * A producer publishes entries and signals only if the consumer's event index lies among them. A consumer that finds
 * nothing writes its event index, issues a full barrier and looks once more before it sleeps. Both stores go through a
 * one-place store buffer that empties at an arbitrary later time, as on x86; a full barrier waits until it is empty.
 * The same text serves both directions: device to driver (interrupt) and driver to device (doorbell).
 *
 * Claim: no entry is left behind while the consumer sleeps without a signal on its way (an invalid end state).
 * -DNO_RECHECK, -DNO_CONSUMER_MB and -DNO_PRODUCER_MB each leave out one step and must be seen to fail.
 */
#define N 3		/* entries in all */

byte produced;		/* what the consumer can see: entries whose phase has been stored */
byte produced_buf;	/* the same, before it has left the producer's store buffer */
byte wanted;		/* consumer's event index as the producer sees it */
byte wanted_buf;
bit signal_pending;
byte consumed;

active proctype producer()
{
	byte old, n;

	do
	:: n < N ->
		old = n;
		if
		:: n = n + 1
		:: (n + 2 <= N) -> n = n + 2	/* a batch: one signal for both */
		fi;
		produced_buf = n;
#ifndef NO_PRODUCER_MB
		(produced == produced_buf);	/* full barrier */
#endif
		if	/* event in [old, n): it has been passed */
		:: (wanted >= old && wanted < n) -> signal_pending = 1
		:: else
		fi
	:: else -> break
	od
}

active proctype producer_store_buffer()
{
end:	do
	:: (produced != produced_buf) -> produced = produced_buf
	od
}

active proctype consumer_store_buffer()
{
end:	do
	:: (wanted != wanted_buf) -> wanted = wanted_buf
	od
}

active proctype consumer()
{
	do
	:: atomic { (consumed < produced) -> consumed = consumed + 1 }
	:: (consumed == N) -> break
	:: (consumed == produced && consumed < N) ->
		wanted_buf = consumed;
#ifndef NO_CONSUMER_MB
		(wanted == wanted_buf);		/* full barrier */
#endif
#ifndef NO_RECHECK
		if
		:: (consumed < produced)	/* something came meanwhile: no sleep */
		:: else -> atomic { signal_pending -> signal_pending = 0 }
		fi
#else
		atomic { signal_pending -> signal_pending = 0 }
#endif
	od
}
