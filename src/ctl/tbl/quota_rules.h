/*
 * What `tgctl quota verify` holds limits to: X(ENUM_SUFFIX, "name", "what holds when it holds").
 * docs/guide/limits.md shows it.
 */
X(HOLDS, "holds", "every request that was held has ended once, or is under way (ledger)")
X(BOOKS, "books", "records, rollups and exports of the ledger come to the same sums")
X(LEDGER, "ledger", "what a limit has used is what the ledger and changes by hand have of it")
X(LIMIT, "limit", "used and held together are within the limit, but for what is recorded as over")
X(GRANT, "grant", "of a shared limit, used and held here are within what was granted here")
X(SHARED, "shared", "of a shared limit, what was granted to all is within the limit")
X(PARENT, "parent", "what keys have used is within what their tenant has, tenants' within their org's")
X(EXPLAINED, "explained", "every refusal in the access log names its limit")
