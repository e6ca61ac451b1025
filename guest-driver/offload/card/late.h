/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers that the card owes. */
#ifndef CHIMDRV_LATE_H
#define CHIMDRV_LATE_H

struct chimdrv_conn;
struct chimdrv_od;

#define CHIMDRV_LATE_MS		8000	/* the card's answer is late after that */

void chimdrv_late_watch(struct chimdrv_conn *conn, unsigned long since);	/* slock */
void chimdrv_late_work_init(struct chimdrv_od *od);

#endif /* CHIMDRV_LATE_H */
