/* Calendar units: X(id, name, months, days, anchor). Months or days that one takes (0, 0: other
 * rules, period.c); anchor: what a "@" may say. */
X(HOUR, "hour", 0, 0, NONE)
X(DAY, "day", 0, 1, NONE)
X(WEEK, "week", 0, 7, WEEKDAY)
X(MONTH, "month", 1, 0, MONTH_DAY)
X(QUARTER, "quarter", 3, 0, MONTH_DAY)
X(YEAR, "year", 12, 0, MONTH_DAY)
X(LIFETIME, "lifetime", 0, 0, NONE)
