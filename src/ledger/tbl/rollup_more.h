/*
 * What a rollup's row counts besides: X(member). At the end of the rows of day files, where older ones have nothing:
 * never change the order.
 */
/* images, videos, speeches of SETTLEs */
X(generations)
/* SETTLEs that limits on requests do not count */
X(uncounted)
/* nano-USD of SETTLEs out of credits and overdrafts, of tenants and of orgs */
X(drawn_tenant)
X(drawn_org)
