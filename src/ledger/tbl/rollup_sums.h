/*
 * What a rollup's row adds up, in pico-USD: X(member, "name"). The order is that of the day files (rollup_file.c):
 * never change it.
 */
/* by the price book */
X(list, "list_usd")
/* what the operator pays */
X(contracted, "contracted_usd")
/* what the tenant pays */
X(billed, "billed_usd")
/* the part of `contracted` that is not exact */
X(estimated, "estimated_usd")
