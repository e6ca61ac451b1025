/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Markers of a hand-over, both ways (05-operations.md, OP-D1 .. OP-D12; design: one ring gives order, markers give
 * order between rings, times of doorbells give none).
 *
 * The wire delivers segments 1..N once each, without retransmission, so that any loss inside shows. The card is either
 * passing frames raw, or the target of the connection. The host offloads once and uploads once while they come.
 *   offload: hold segments; INITIATE on the admin ring; TX_FENCE on the TX ring; the device acts when both are there:
 *            takes the tuple, CUTOVER on the raw ring, OPENED on the completion ring, completion on the admin ring.
 *            The host forwards what it held when it has processed CUTOVER, OPENED and the completion.
 *   upload:  hold segments; FENCE on the submission ring, TERMINATE on the admin ring; the device acts when both are
 *            there: drops the tuple, BufferedData, LAST on the completion ring, completion on the admin ring.
 *            An indication that the consumer index has not passed counts as refused, its bytes come back in
 *            BufferedData; the host takes every byte by its sequence number. It goes on when LAST and the completion
 *            have both been processed.
 *
 * Claims: what came before the cut-over is forwarded in wire order, all of it before anything later; bytes reach the
 * program in order, each once, and all of them in the end; nothing of the connection is on the completion ring before
 * OPENED or after LAST; no forward is posted after the FENCE.
 * Negative controls, each must fail: -DNO_LAST (the host goes on at the admin completion alone), -DNO_CUTOVER (the
 * host forwards its hold list without waiting for the raw ring), -DDISCARD (the host drops indications that it sees
 * after its FENCE instead of taking them by sequence number), -DNO_FENCE (the device terminates without the FENCE).
 */
#define N 4
#define Q 6

mtype = { INITIATE, TERMINATE, FWD, FENCE, TXFENCE, OPENED, IND, LAST, SEG, CUTOVER, ADM_INIT, ADM_TERM };
mtype = { HOST, HOLDING, OFFLOADED, TERMINATING };

chan wire = [N] of { byte };
chan raw = [Q] of { mtype, byte };	/* RXC ring */
chan sq = [Q] of { mtype, byte };
chan tx = [2] of { mtype };
chan cq = [Q] of { mtype, byte, byte };	/* type, first byte, length */
chan admin = [2] of { mtype };
chan admin_cq = [2] of { mtype, byte, byte };	/* type, RCV.NXT, buffered bytes */
chan hold = [Q] of { byte };

mtype state = HOST;
byte host_nxt = 1;			/* next byte the program will read */
byte early;				/* bit s: segment s received by the host out of order (its reassembly queue) */
byte cons;				/* consumer index of the completion ring as the device sees it */
bit finished_upload;
bit saw_cutover, saw_opened, saw_last, fenced;	/* markers that the host has processed */
byte term_nxt, term_len;
byte rexmit;				/* bit s: the peer will send s again (its timer; the card dropped it unacknowledged) */

inline host_take(s)
{
	/* kernel TCP: in order, or kept for reassembly; an old one is dropped */
	if
	:: (s >= host_nxt) -> early = early | (1 << s)
	:: else
	fi;
	do
	:: (early & (1 << host_nxt)) -> early = early & ~(1 << host_nxt); host_nxt = host_nxt + 1
	:: else -> break
	od
}

active proctype peer()
{
	byte s = 1, again = 1;

end:	do
	:: (s <= N) -> wire!s; s = s + 1
	:: (rexmit & (1 << again)) -> rexmit = rexmit & ~(1 << again); wire!again
	:: (again < N) -> again = again + 1
	:: (again == N && rexmit) -> again = 1
	od
}

active proctype device()
{
	byte s, ooo, nxt, base;		/* nxt: RCV.NXT; base: first byte not accepted */
	bit target, saw_init, saw_txf, saw_term, saw_fence, busy, closed;
	byte posted, ind_at, ind_len;
	mtype m;

	nxt = 1; base = 1;
end:	do
	:: atomic { wire?s ->
		if
		:: target -> ooo = ooo | (1 << s)
		:: else -> raw!SEG(s)
		fi }
	:: atomic { target && (ooo & (1 << nxt)) -> ooo = ooo & ~(1 << nxt); nxt = nxt + 1 }
	:: atomic { target && !(ooo & (1 << nxt)) && (ooo & ((1 << nxt) - 1)) -> ooo = ooo & ~((1 << nxt) - 1) }
	:: atomic { admin?m ->
		if
		:: (m == INITIATE) -> saw_init = 1
		:: (m == TERMINATE) -> saw_term = 1
		fi }
	:: atomic { tx?TXFENCE -> saw_txf = 1 }
	:: atomic { sq?m,s ->
		if
		:: (m == FWD) -> assert(!closed);
			if
			:: (s >= nxt) -> ooo = ooo | (1 << s)
			:: else
			fi
		:: (m == FENCE) -> saw_fence = 1
		fi }
	:: (saw_init && saw_txf && !target && !closed) ->
		/* RCV.NXT as the host gave it: the connection is held, so it does not move meanwhile */
		atomic { target = 1; nxt = host_nxt; base = host_nxt; raw!CUTOVER(0) };
		cq!OPENED(0, 0); posted = posted + 1;
		admin_cq!ADM_INIT(0, 0)
	:: (target && posted > 0 && !busy && nxt > base) ->
		atomic { ind_len = nxt - base; cq!IND(base, ind_len); posted = posted + 1; ind_at = posted; busy = 1 }
	:: (busy && cons >= ind_at) -> atomic { base = base + ind_len; busy = 0 }	/* accepted */
#ifdef NO_FENCE
	:: (saw_term && target) ->
#else
	:: (saw_term && saw_fence && target) ->
#endif
		atomic {
			target = 0; closed = 1; rexmit = ooo; ooo = 0;	/* TRM-33 */
			if
			:: (busy && cons >= ind_at) -> base = base + ind_len; busy = 0
			:: else -> busy = 0			/* counts as refused (M-12) */
			fi
		};
		cq!LAST(0, 0); posted = posted + 1;
		admin_cq!ADM_TERM(nxt, nxt - base)
	od
}

/* Kernel side of the raw ring: NAPI, then the socket. */
active proctype napi_raw()
{
	byte s;
	mtype m;

end:	do
	:: atomic { raw?m,s ->
		if
		:: (m == CUTOVER) -> saw_cutover = 1
		:: (m == SEG && state == HOST) -> host_take(s)
		:: (m == SEG && (state == HOLDING || state == TERMINATING)) -> hold!s
		:: (m == SEG && state == OFFLOADED) -> assert(0)	/* behind CUTOVER nothing of the tuple comes raw */
		fi }
	od
}

active proctype napi_cq()
{
	byte first, n;
	mtype m;

end:	do
	:: atomic { cq?m,first,n ->
		assert(!saw_last);
		if
		:: (m == OPENED) -> assert(!saw_opened); saw_opened = 1
		:: (m == IND) -> assert(saw_opened);
#ifdef DISCARD
			if
			:: !fenced -> do :: (n > 0) -> host_take(first); first = first + 1; n = n - 1 :: else -> break od
			:: else
			fi
#else
			do :: (n > 0) -> host_take(first); first = first + 1; n = n - 1 :: else -> break od
#endif
		:: (m == LAST) -> saw_last = 1
		fi;
		assert(!finished_upload);
		cons = cons + 1 }
	od
}

active proctype host()
{
	byte s;

	/* offload at any moment */
	atomic { state = HOLDING };
	tx!TXFENCE; admin!INITIATE;
	admin_cq?ADM_INIT(_, _);
#ifdef NO_CUTOVER
	(saw_opened);
#else
	(saw_opened && saw_cutover);
#endif
	atomic {
		do :: hold?s -> sq!FWD(s) :: empty(hold) -> break od;
		state = OFFLOADED
	};
	/* upload at any moment */
	atomic { state = TERMINATING };
#ifdef NO_FENCE
	admin!TERMINATE; admin_cq?ADM_TERM(term_nxt, term_len);
	atomic { fenced = 1; sq!FENCE(0) };
#else
	atomic { fenced = 1; sq!FENCE(0) };
	admin!TERMINATE; admin_cq?ADM_TERM(term_nxt, term_len);
#endif
#ifndef NO_LAST
	(saw_last);
#endif
	atomic {
		finished_upload = 1;
		/* BufferedData, by sequence number */
		do
		:: (term_len > 0) -> host_take(term_nxt - term_len); term_len = term_len - 1
		:: else -> break
		od;
		assert(host_nxt >= term_nxt);
		do :: hold?s -> host_take(s) :: empty(hold) -> break od;
		state = HOST
	}
}

/* Every byte is read in the end: checked as an assertion in the only end states there are. */
active proctype reader()
{
	(host_nxt == N + 1);
	assert(early == 0)
}
