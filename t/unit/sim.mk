# files of this folder
UNIT_TESTS += t/unit/sim/check_sim_text t/unit/sim/check_sim_form \
	t/unit/sim/check_sim_ledger
