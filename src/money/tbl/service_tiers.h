/*
 * How quickly a provider answers, as far as it has a price of its own: X(ENUM_SUFFIX, "name in price files").
 */
X(STANDARD, "standard")
X(FLEX, "flex")
X(PRIORITY, "priority")
X(BATCH, "batch")
