/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.c - the counters that the driver reads: the device's own, and the
 * engine's in separate sets (STT-1).
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "commands/stats.h"
#include "core/chimdev.h"
#include "core/core.h"
#include "port/capture.h"
#include "toe.h"

/* Convert a structure of 64-bit counters from host order to the ABI's. */
static void put(void *out, const void *in, size_t size)
{
    const uint64_t *from = in;
    uint64_t *to = out;

    for (size_t i = 0; i < size / sizeof(*to); i++) {
        to[i] = cpu_to_le64(from[i]);
    }
}

static void put_ip(struct chim_ip_stats *o, const struct toe_ip_stats *i)
{
    o->in_receives = cpu_to_le64(i->in_receives);
    o->in_octets = cpu_to_le64(i->in_octets);
    o->in_delivers = cpu_to_le64(i->in_delivers);
    o->out_requests = cpu_to_le64(i->out_requests);
    o->out_octets = cpu_to_le64(i->out_octets);
    o->in_header_errors = cpu_to_le64(i->in_header_errors);
    o->in_truncated = cpu_to_le64(i->in_truncated);
    o->in_discards = cpu_to_le64(i->in_discards);
    o->out_discards = cpu_to_le64(i->out_discards);
    o->out_no_routes = cpu_to_le64(i->out_no_routes);
}

static void put_tcp(struct chim_tcp_stats *o, const struct toe_tcp_stats *i)
{
    o->in_segments = cpu_to_le64(i->in_segments);
    o->out_segments = cpu_to_le64(i->out_segments);
    o->currently_established = cpu_to_le64(i->currently_established);
    o->reset_established = cpu_to_le64(i->reset_established);
    o->retransmitted_segments = cpu_to_le64(i->retransmitted_segments);
    o->in_errors = cpu_to_le64(i->in_errors);
    o->out_resets = cpu_to_le64(i->out_resets);
}

/* The engine's part of the cases of the founding rules. */
static void add_engine_cases(struct chim_case_stats *c,
                             const struct toe_stats *t)
{
    c->buffered_in_bytes = t->buffered_in;
    c->buffered_to_recv_bytes = t->buffered_to_recv;
    c->buffered_indicated_bytes = t->buffered_indicated;
    c->buffered_out_bytes = t->buffered_out;
    c->send_in_unacked_bytes = t->send_in_unacked;
    c->send_in_rexmit_bytes = t->send_in_rexmit;
    c->send_in_unsent_bytes = t->send_in_unsent;
    c->send_back_unacked_bytes = t->send_back_unacked;
    c->send_back_rexmit_bytes = t->send_back_rexmit;
    c->send_back_unsent_bytes = t->send_back_unsent;
    c->rexmit_segments = t->retransmitted;
}

void chimdev_stats_get(ChimdevState *s, struct chim_stats *out)
{
    struct chim_nic_stats nic = s->stats.nic;
    struct chim_case_stats cases = s->stats.cases;
    struct toe_stats t = { 0 };

    /* a reader of the counters finds the counted frames in the capture */
    chimdev_capture_flush(s->capture);
    if (s->toe) {
        toe_get_stats(s->toe, &t);
    }
    nic.rx_offloaded_bytes = t.payload_in;
    nic.tx_offloaded_bytes = t.payload_out;
    add_engine_cases(&cases, &t);
    if (!chimdev_has_feature(s, CHIM_F_OCTETS)) {
        cases.target_rx_octets = 0;
        cases.target_tx_octets = 0;
        cases.rx_dropped_octets = 0;
    }
    put_ip(&out->ip4, &t.ip[0]);
    put_ip(&out->ip6, &t.ip[1]);
    put_tcp(&out->tcp4, &t.tcp[0]);
    put_tcp(&out->tcp6, &t.tcp[1]);
    put(&out->nic, &nic, sizeof(nic));
    put(&out->cases, &cases, sizeof(cases));
}

void chimdev_stats_reset(ChimdevState *s, uint32_t sets)
{
    static const struct { uint32_t abi, toe; } set[] = {
        { CHIM_STATS_IP4, TOE_STATS_IP4 },
        { CHIM_STATS_IP6, TOE_STATS_IP6 },
        { CHIM_STATS_TCP4, TOE_STATS_TCP4 },
        { CHIM_STATS_TCP6, TOE_STATS_TCP6 },
        { CHIM_STATS_NIC, TOE_STATS_PAYLOAD },
        { CHIM_STATS_CASES, TOE_STATS_CASES },
    };
    uint32_t toe_sets = 0;

    for (size_t i = 0; i < ARRAY_SIZE(set); i++) {
        if (sets & set[i].abi) {
            toe_sets |= set[i].toe;
        }
    }
    if (s->toe) {
        toe_reset_stats(s->toe, toe_sets);
    }
    if (sets & CHIM_STATS_NIC) {
        memset(&s->stats.nic, 0, sizeof(s->stats.nic));
    }
    if (sets & CHIM_STATS_CASES) {
        memset(&s->stats.cases, 0, sizeof(s->stats.cases));
    }
}
