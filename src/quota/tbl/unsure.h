/* account.h: why nobody can say what is left of a leased account: X(ID, word) */
X(AWAY, "redis_away")   /* Redis cannot be reached */
X(LEARNING, "learning") /* it began anew, and not all members have told yet what they have */
X(REPLICAS, "replicas") /* too few of its replicas have what was granted */
X(MEMBERS, "members")   /* this member's list of members is not that of the others */
X(BARRED, "barred")     /* this member is fenced, or is not the newest process of its name */
X(PERIOD, "period")     /* by Redis' clock the period is over, or has not begun */
X(LATE, "late")         /* Redis was asked, and had not answered in time */
X(ACCOUNT, "account")   /* the period has begun, and its account could not be made */
