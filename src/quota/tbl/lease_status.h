/* lease_status.h: how the centre answers a call, about its bucket: X(id, text) */
X(OK, "ok")
X(LEARN, "learn")
X(STALE, "stale")
X(MEMBERS, "members")
X(FENCED, "fenced")
