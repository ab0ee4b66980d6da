/*
 * What a rollup's row counts: X(member). The order is that of the day files (rollup_file.c): never change it.
 */
/* SETTLEs: requests that reached a provider */
X(requests)
/* SETTLEs and LEGs */
X(legs)
/* VOIDs */
X(voided)
/* requests whose client got no 2xx */
X(failed)
/* SETTLEs and LEGs without a price */
X(unpriced)
