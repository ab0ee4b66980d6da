/*
 * Lists of places, at the top and in tiers, tenants and keys: X(name, TYPE, member, the rest of the directive).
 */
X(allow, STRINGS, allow,
	.help = "Places whose clients may ask, and nobody else: codes of countries (DE), EU, networks (AS64496), unknown; absent: "
		"everywhere.")
X(deny, STRINGS, deny,
	.help = "Places whose clients may not, even where `allow` names them; absent: none.")
