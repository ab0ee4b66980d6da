/* lease_item_status.h: how the centre answers for one account: X(id, text) */
X(OK, "ok")
X(DUP, "dup")
X(CLOSED, "closed")
